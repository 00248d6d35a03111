"""Who belongs to a program: what it started, and what left its group or its session."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from signal import SIGCONT, SIGKILL, Signals

from ..kernel import children, environ, is_zombie, start_time
from ..reading import read_whole

_PAGE = os.sysconf("SC_PAGE_SIZE")


def tree(*roots: int) -> set[int]:
    """``roots`` and all below them; cheap where they have few children."""
    found: set[int] = set()
    queue = list(roots)
    while queue:
        pid = queue.pop()
        if pid not in found:
            found.add(pid)
            queue += _below(pid)
    return found


def adopted(known: Container[int]) -> dict[str, set[int]]:
    """What lost its parent and came to us, by the process whose name it carries."""
    found = defaultdict(set)
    for pid in children(os.getpid()):
        if pid not in known and not is_zombie(pid):
            name = environ(pid).get(b"RECONCILER_PROCESS", b"")
            found[os.fsdecode(name)].add(pid)
    return found


def writers(pids: Iterable[int], pipes: Container[str]) -> set[int]:
    """Those of ``pids`` whose output goes into one of ``pipes``: some forget who started them."""
    return {pid for pid in pids if any(_end(pid, fd) in pipes for fd in (1, 2))}


def memory(roots: Iterable[int]) -> int:
    """Bytes of RAM that ``roots`` and all below them use."""
    pages = 0
    for pid in tree(*roots):
        with suppress(OSError, IndexError):
            pages += int(read_whole(f"/proc/{pid}/statm").split()[1])
    return pages * _PAGE


def named(pids: Iterable[int]) -> dict[int, int]:
    """Each of ``pids`` with its beginning, so that it is not mistaken for another one."""
    return {pid: born for pid in pids if (born := start_time(pid)) is not None}


def living(known: dict[int, int]) -> set[int]:
    """Those of ``known`` that have not ended."""
    return {pid for pid, born in known.items() if start_time(pid) == born and not is_zombie(pid)}


def group_lives(group: int) -> bool:
    """Whether anything is left of a process group; what nobody has noticed counts."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def signal_group(group: int, number: Signals) -> None:
    """Signal a whole process group, if there is one; never our own."""
    if group <= 1:
        raise ValueError(f"{group} is no program's group")
    _tell(os.killpg, group, number)


def signal_each(pids: Iterable[int], number: Signals) -> None:
    """Signal each of ``pids`` that is there."""
    for pid in pids:
        _tell(os.kill, pid, number)


def _end(pid: int, descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/fd/{descriptor}")  # noqa: PTH115 (pipe:[7] is no path)
    except OSError:
        return ""


def _tell(call: Callable[[int, int], None], target: int, number: Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        call(target, number)
        if number is not SIGKILL:
            call(target, SIGCONT)  # a stopped one hears nothing


def _below(pid: int) -> list[int]:
    """The children of each thread of ``pid``."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 (names only)
        return [
            int(word)
            for thread in threads
            for word in read_whole(f"/proc/{pid}/task/{thread}/children").split()
        ]
    except OSError:
        return []
