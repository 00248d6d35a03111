"""Talks with one git command until it ends: what it says is read up to a limit and no further."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from ..core.errors import Transient
from .child import kill_group

LINGER: Final = 0.5
"""Seconds that what git started may go on after git."""
MOST: Final = 64 << 20
"""Bytes that a command may print: names of refs, ids, sizes."""
_MOST_ERRORS: Final = 1 << 16
_PART: Final = 1 << 16


async def talk(process: asyncio.subprocess.Process, stdin: bytes) -> tuple[bytes, bytes]:
    """Hand over the input and collect the output of a command and of what it started.

    When git itself is gone, what it started and still holds the pipes has nobody to work for.
    """
    told = asyncio.ensure_future(_exchange(process, stdin))
    try:
        while not told.done():
            ended = process.returncode is not None
            await asyncio.wait({told}, timeout=LINGER)
            if ended and not told.done():
                kill_group(process)
        return told.result()
    finally:
        told.cancel()


async def _exchange(process: asyncio.subprocess.Process, stdin: bytes) -> tuple[bytes, bytes]:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise ValueError("the process must be started with pipes")
    output, errors, _ = await asyncio.gather(
        _read(process, process.stdout), _read_some(process.stderr), _feed(process.stdin, stdin)
    )
    await process.wait()
    return output, errors


async def _feed(pipe: asyncio.StreamWriter, content: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it ended before it read all
        pipe.write(content)
        await pipe.drain()
    pipe.close()


async def _read(process: asyncio.subprocess.Process, pipe: asyncio.StreamReader) -> bytes:
    parts, size = [], 0
    while part := await pipe.read(_PART):
        size += len(part)
        if size <= MOST:
            parts.append(part)
        else:  # what is still in the pipe is read: its end is how we learn of that of the process
            kill_group(process)
    if size > MOST:
        raise Transient(f"git printed more than {MOST} bytes", reason="TooLarge")
    return b"".join(parts)


async def _read_some(pipe: asyncio.StreamReader) -> bytes:
    """The first words; a remote may talk for ever, and nobody listens to the rest."""
    kept = bytearray()
    while part := await pipe.read(_PART):
        kept += part[: _MOST_ERRORS - len(kept)]
    return bytes(kept)
