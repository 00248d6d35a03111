"""What else supervisord runs, as it is told on the wire: the stack's own programs and strangers."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from typing import Any

from supervisor.states import getProcessStateDescription

from .stock import Group


def others(groups: Any, known: str) -> dict[str, Any]:
    """Every process of a group that is not ours, and a word for all of that.

    Only the word, where it is the one that is ``known``.
    """
    found = [one for group in getattr(groups, "others", groups).values() for one in _of(group)]
    facts = [(one.group.config.name, *_facts(one)) for one in found]
    word = f"{zlib.crc32(repr(facts).encode()):08x}"
    return {"word": word} | ({} if word == known else {"processes": list(map(_info, found))})


def _of(group: Any) -> Iterator[Any]:
    if not isinstance(group, Group):
        yield from group.processes.values()


def _facts(process: Any) -> tuple[Any, ...]:
    times = int(process.laststart), int(process.laststop)
    state = process.state, process.pid, process.exitstatus, process.spawnerr
    return (process.config.name, process.config.stdout_logfile, *times, *state)


def _info(process: Any) -> dict[str, Any]:
    """As supervisord itself would tell of it, as far as anybody asks."""
    name, log, start, stop, state, pid, code, error = _facts(process)
    return {
        "name": name,
        "group": process.group.config.name,
        "logfile": log or "",
        "start": start,
        "stop": stop,
        "now": int(time.time()),
        "state": state,
        "statename": getProcessStateDescription(state),
        "pid": pid,
        "exitstatus": code or 0,
        "spawnerr": error or "",
    }
