"""Finds the parent of a stack whose state directory was taken away below it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from .kernel import all_pids, same_mounts


def astray(state_dir: Path) -> int | None:
    """The pid of a living parent whose lock nobody can open any more; None when there is none."""
    gone = f"{state_dir.resolve()}/run/up.lock (deleted)"
    others = (pid for pid in all_pids() if pid != os.getpid())
    return next((pid for pid in others if _holds(pid, gone) and same_mounts(pid)), None)


def _holds(pid: int, lock: str) -> bool:
    """Whether ``pid`` has that file open, and is who noted itself in it."""
    with suppress(OSError):
        for opened in Path(f"/proc/{pid}/fd").iterdir():
            # Anybody may look into a lock: only its holder is named there.
            if _leads_to(opened, lock) and opened.read_bytes().split()[:1] == [b"%d" % pid]:
                return True
    return False


def _leads_to(link: Path, target: str) -> bool:
    with suppress(OSError):
        return str(link.readlink()) == target
    return False
