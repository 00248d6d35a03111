"""Whether this supervisord is one the keeper knows, and how much it may do there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from supervisor.http import deferring_http_channel
from supervisor.options import VERSION
from supervisor.process import ProcessGroup, Subprocess

from ..kernel import Kernel
from .keeper import Keeper
from .loop import Loop, QuickLoop
from .sweeping import Sweeper

KNOWN: Final = ("4.3.0",)
"""Versions of supervisor whose insides have been read; another one runs as it always did."""
LISTENER: Final = "events"
_TRIAL: Final = "/bin/sh"
_CODE: Final = 7


def choose(supervisord: Any) -> tuple[Keeper | None, str]:
    """The keeper for ``supervisord``, or why there is none."""
    wanted = os.environ.get("RECONCILER_KEEPER", "full")
    if wanted not in {"full", "plain"}:
        return None, f"RECONCILER_KEEPER={wanted}"
    if VERSION not in KNOWN:
        return None, f"supervisor {VERSION} is not among {', '.join(KNOWN)}"
    state_dir = os.environ.get("RECONCILER_STATE_DIR")
    if not state_dir:
        return None, "RECONCILER_STATE_DIR is not set"
    if lacking := lacks(supervisord):
        return None, f"supervisord has no {lacking}"
    why = "" if wanted == "plain" else slow()
    loop = Loop(supervisord) if wanted == "plain" or why else QuickLoop(supervisord)
    keeper = Keeper(supervisord, loop, Path(state_dir))
    Kernel().adopt_orphans()
    leave_ours_alone(supervisord, keeper)
    Sweeper(keeper)
    loop.install(keeper)  # the last, so that nothing is patched when something above went wrong
    return keeper, why


def lacks(supervisord: Any) -> str:
    """The first of supervisord's insides that is not as the keeper knows it."""
    seams = {
        supervisord: "process_groups add_process_group remove_process_group diff_to_active "
        "get_process_map",
        supervisord.options: "pidhistory poller logger mood make_pipes process_group_configs",
        supervisord.options.poller: "poll close register_readable",
        Subprocess: "finish spawn stop transition change_state get_execv_args",
        ProcessGroup: "transition stop_all get_dispatchers before_remove",
        deferring_http_channel: "ac_out_buffer_size",
    }
    for thing, names in seams.items():
        for name in names.split():
            if not hasattr(thing, name):
                return name
    return ""


def slow() -> str:
    """Why quick starts do not work here; nothing when they do."""
    try:
        pid = os.posix_spawn(_TRIAL, [_TRIAL, "-c", "exit 7"], {}, setsid=True, setsigmask=())
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        session = os.getsid(pid)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except (OSError, NotImplementedError, AttributeError, TypeError) as exc:
        return f"no quick start: {exc}"
    return (
        "" if session == pid and code == _CODE else "no quick start: it does not do as it is told"
    )


def leave_ours_alone(supervisord: Any, keeper: Keeper) -> None:
    """``supervisorctl update`` compares with files; what the keeper keeps is in none."""
    stock = supervisord.diff_to_active
    if LISTENER in supervisord.process_groups:  # not started yet; the keeper says what happens
        supervisord.remove_process_group(LISTENER)

    def diff_to_active() -> tuple[list[Any], list[Any], list[Any]]:
        ours = {LISTENER, *keeper.programs}
        return tuple([group for group in part if group.name not in ours] for part in stock())  # type: ignore[return-value]

    supervisord.diff_to_active = diff_to_active
