"""Ends what a dead supervisord, or a dead stack, has left behind."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from .kernel import (
    all_pids,
    ancestors,
    children,
    descendants,
    environ,
    is_zombie,
    same_mounts,
    start_time,
)

GRACE: Final = 5.0
KILL_GRACE: Final = 5.0
POLL: Final = 0.02


def end_descendants(spared: Iterable[int]) -> list[int]:
    """End everything below this process except ``spared``; the pids that were ended."""
    keep = set(spared)
    return end(lambda: descendants(os.getpid()) - keep)


def end_earlier(state_dir: Path, stack_start: str) -> list[int]:
    """End what another life of the stack in ``state_dir`` has left running."""
    return end(lambda: _earlier(state_dir, stack_start))


def left_behind(state_dir: Path) -> set[int]:
    """What still runs of a stack in ``state_dir`` that nobody holds any more."""
    return {pid for pid in _earlier(state_dir, "") if not is_zombie(pid)}


def end_strays(state_dir: Path, spared: Iterable[int]) -> list[int]:
    """End what a process of the stack left behind when it ended or began anew."""
    keep = set(spared)
    return end(lambda: _strays(state_dir, keep))


def end(find: Callable[[], set[int]], *, grace: float = GRACE) -> list[int]:
    """End all that ``find`` finds, politely first, until it finds no more."""
    ended: set[int] = set()
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, KILL_GRACE)):
        deadline = time.monotonic() + patience
        asked: set[int] = set()
        while (there := {pid for pid in find() if not _reaped(pid)}) and (
            time.monotonic() < deadline
        ):
            for pid in there - asked:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
                    os.kill(pid, signal.SIGCONT)  # a stopped one hears nothing
            asked |= there
            time.sleep(POLL)
        ended |= asked
        if not there:
            break
    return sorted(ended)


def _reaped(pid: int) -> bool:
    """Whether ``pid`` has ended; an adopted one is noticed on the way."""
    with suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return is_zombie(pid)


def _earlier(state_dir: Path, stack_start: str) -> set[int]:
    mine = {os.getpid(), *ancestors(os.getpid())}
    roots = {pid for pid in _recorded(state_dir) if pid not in mine}
    folder, own = os.fsencode(state_dir), stack_start.encode()
    for pid in all_pids():
        known = environ(pid) if pid not in mine else {}
        start = known.get(b"RECONCILER_STACK_START")
        if start not in {None, own} and known.get(b"RECONCILER_STATE_DIR") == folder:
            roots |= {pid} if _sees(pid, state_dir) else set()
    # Where we run below one of them ourselves, we and our terminal are among them.
    return (roots | descendants(*roots)) - mine


def _sees(pid: int, folder: Path) -> bool:
    """Whether what ``pid`` calls ``folder`` is the same one: a container has paths of its own."""
    try:
        # A link on the way would lead back from its root into ours.
        own, place = folder.stat(), folder.resolve()
    except OSError:  # taken away: nothing is left to compare
        return same_mounts(pid) is True
    try:
        return os.path.samestat(own, Path(f"/proc/{pid}/root{place}").stat())
    except FileNotFoundError:
        return False
    except OSError:
        return same_mounts(pid) is True


def _strays(state_dir: Path, spared: set[int]) -> set[int]:
    """What we adopted, and all below it, whose process is gone or began later than itself."""
    adopted = children(os.getpid()) - spared
    roots = {pid for pid in adopted if _is_stray(state_dir, pid)}
    return roots | descendants(*roots) if roots else roots


def _is_stray(state_dir: Path, pid: int) -> bool:
    tag, began = environ(pid).get(b"RECONCILER_PROCESS"), start_time(pid)
    if not tag or began is None:
        return False  # not of a process of ours, or it has ended meanwhile
    with suppress(OSError, ValueError, LookupError, TypeError):
        record = json.loads((state_dir / "run/processes" / f"{os.fsdecode(tag)}.json").read_bytes())
        if start_time(int(record["pid"])) == record["start_time"] and not is_zombie(record["pid"]):
            return began < int(record["start_time"])
    return True


def _recorded(state_dir: Path) -> Iterator[int]:
    """Processes that a run record, or the keeper, still speaks of: same pid, same beginning."""
    for path in (state_dir / "run" / "processes").glob("*.json"):
        with suppress(OSError):
            yield from _still_there(path.read_bytes(), "start_time")
    with suppress(OSError):
        for line in (state_dir / "run" / "lives.jsonl").read_bytes().splitlines():
            yield from _still_there(line, "born")


def _still_there(text: bytes, began: str) -> Iterator[int]:
    with suppress(ValueError, LookupError, TypeError):
        record = json.loads(text)
        for pid, born in ((record["pid"], record[began]), *record.get("beside", ())):
            if born and start_time(int(pid)) == born:
                yield int(pid)
