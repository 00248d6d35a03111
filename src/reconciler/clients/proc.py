"""What the kernel says of a process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path


def start_time(pid: int) -> int | None:
    """When it began, in the kernel's ticks: with the pid it names a process for ever.

    None when there is no such process.
    """
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def ticks(at: float) -> int:
    """A moment of the recent past, in Unix seconds, as the kernel tells when processes began."""
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME) - (time.time() - at)
    return int(since_boot * os.sysconf("SC_CLK_TCK"))


def parent(pid: int) -> int | None:
    """Who started it, or adopted it; None when there is no such process."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def command_line(pid: int) -> bytes:
    """Its arguments, each ended by NUL; empty when it is gone or has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def ancestors(pid: int) -> Iterator[int]:
    """Who started it, who started that, and so on."""
    above = parent(pid)
    while above:
        yield above
        above = parent(above)


def instance_of(pid: int) -> str:
    """The instance of ours it belongs to, by its environment; empty when it says none."""
    try:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    tag = b"RECONCILER_PROCESS="
    return next((os.fsdecode(pair[len(tag) :]) for pair in pairs if pair.startswith(tag)), "")


def _stat(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []
