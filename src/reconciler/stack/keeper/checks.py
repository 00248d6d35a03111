"""Whether this supervisord is one the keeper knows, and how much it may do there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from supervisor.options import VERSION

from ..kernel import Kernel
from .keeper import Keeper
from .loop import Loop, QuickLoop
from .sweeping import Sweeper

KNOWN: Final = ("4.3.0",)
"""Versions of supervisor whose insides have been read; another one runs as it always did."""
LISTENER: Final = "events"


def supervisor_version() -> str:
    """The version of the supervisor that loaded us."""
    return str(VERSION)


def choose(supervisord: Any) -> tuple[Keeper | None, str]:
    """The keeper for ``supervisord``, or why there is none."""
    wanted = os.environ.get("RECONCILER_KEEPER", "full")
    if wanted == "off":
        return None, "RECONCILER_KEEPER=off"
    if supervisor_version() not in KNOWN:
        return None, f"supervisor {supervisor_version()} is not among {', '.join(KNOWN)}"
    state_dir = os.environ.get("RECONCILER_STATE_DIR")
    if not state_dir:
        return None, "RECONCILER_STATE_DIR is not set"
    Kernel().adopt_orphans()
    loop = Loop() if wanted == "plain" else QuickLoop(supervisord)
    keeper = Keeper(supervisord, loop, Path(state_dir))
    leave_ours_alone(supervisord, keeper)
    Sweeper(keeper)
    return keeper, ""


def leave_ours_alone(supervisord: Any, keeper: Keeper) -> None:
    """``supervisorctl update`` compares with files; what the keeper keeps is in none."""
    stock = supervisord.diff_to_active
    listener = supervisord.process_groups.get(LISTENER)
    for process in listener.processes.values() if listener else ():
        process.config.autostart = False  # the keeper itself says what happens

    def diff_to_active() -> tuple[list[Any], list[Any], list[Any]]:
        ours = {LISTENER, *keeper.programs}
        return tuple([group for group in part if group.name not in ours] for part in stock())  # type: ignore[return-value]

    supervisord.diff_to_active = diff_to_active
