"""What the stack's parent asks of Linux."""

from __future__ import annotations

import ctypes
import os
from collections import defaultdict
from collections.abc import Set as AbstractSet
from signal import Signals, sigtimedwait
from time import CLOCK_BOOTTIME, clock_gettime_ns
from typing import Final

from .reading import read_whole

_SET_PDEATHSIG: Final = 1
_SET_CHILD_SUBREAPER: Final = 36
_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")


class Kernel:
    """The calls Python has no names for."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def adopt_orphans(self) -> None:
        """Become the parent of every descendant whose own parent ends."""
        self._prctl(_SET_CHILD_SUBREAPER, 1)

    def end_with_parent(self, signal: int, parent: int) -> None:
        """Get ``signal`` when ``parent`` ends; at once if it has ended already."""
        self._prctl(_SET_PDEATHSIG, signal)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal)

    def _prctl(self, option: int, value: int) -> None:
        if self._libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def next_signal(watched: AbstractSet[Signals], seconds: float) -> Signals | None:
    """The next of ``watched``, if one comes in time."""
    found = sigtimedwait(watched, seconds)
    # Stopped and continued beyond its time, Python hands over what nobody has filled in.
    if found is None or found.si_signo not in watched:
        return None
    return Signals(found.si_signo)


def ticks() -> int:
    """Now, on the clock and in the unit in which the kernel notes when a process begins."""
    return clock_gettime_ns(CLOCK_BOOTTIME) * _PER_SECOND // 1_000_000_000


def start_time(pid: int) -> int | None:
    """When ``pid`` began, in the kernel's ticks; None when it is gone."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def is_zombie(pid: int) -> bool:
    """Whether ``pid`` has ended and only waits to be noticed."""
    return _stat(pid)[:1] == [b"Z"]


def all_pids() -> list[int]:
    """Every process there is."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 (names only)


def children(pid: int) -> set[int]:
    """The processes right below ``pid``: those it started, and those it adopted."""
    try:
        return {int(word) for word in read_whole(f"/proc/{pid}/task/{pid}/children").split()}
    except OSError:  # a kernel without that file
        return {one for one in all_pids() if _stat(one)[1:2] == [str(pid).encode()]}


def descendants(*roots: int) -> set[int]:
    """Every process below ``roots``, without them."""
    children = defaultdict(list)
    for pid in all_pids():
        if fields := _stat(pid):
            children[int(fields[1])].append(pid)
    found: set[int] = set()
    queue = list(roots)
    while queue:
        fresh = [pid for pid in children[queue.pop()] if pid not in found]
        found.update(fresh)
        queue += fresh
    return found


def parent_of(pid: int) -> int:
    """Whose child ``pid`` is; 0 when nobody's, or when it is gone."""
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def ancestors(pid: int) -> set[int]:
    """Every process above ``pid``, without it."""
    found: set[int] = set()
    while (pid := parent_of(pid)) and pid not in found:
        found.add(pid)
    return found


def same_mounts(pid: int) -> bool | None:
    """Whether ``pid`` lives among the same mounts as we do; None when that may not be read."""
    try:
        return os.path.samestat(*(os.stat(f"/proc/{one}/ns/mnt") for one in ("self", pid)))  # noqa: PTH116
    except OSError:
        return None


def environ(pid: int) -> dict[bytes, bytes]:
    """The environment ``pid`` was started with; empty when it may not be read."""
    try:
        pairs = read_whole(f"/proc/{pid}/environ").split(b"\0")
    except OSError:
        return {}
    return {key: value for key, _, value in (pair.partition(b"=") for pair in pairs)}


def _stat(pid: int) -> list[bytes]:
    try:
        return read_whole(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return []
