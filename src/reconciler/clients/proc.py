"""What the kernel says of a process."""

from __future__ import annotations

from pathlib import Path


def start_time(pid: int) -> int | None:
    """When it began, in the kernel's ticks: with the pid it names a process for ever.

    None when there is no such process.
    """
    fields = _stat(pid)
    return int(fields[19]) if fields else None


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


def _stat(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []
