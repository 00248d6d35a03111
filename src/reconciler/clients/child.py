"""Programs that we start for a moment: none is left behind, whatever becomes of who asked."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

_LOOK_AGAIN: Final = 0.005


async def start(
    *argv: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int,
    stdout: int,
) -> asyncio.subprocess.Process:
    """Start a program in a group of its own; cancelled meanwhile, it has ended first."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *argv,
            env=env,
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            umask=0o077,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # Left to asyncio, only the program would be killed, and not what it has started.
        with suppress(OSError):
            await end(await starting)
        raise


async def end(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind: programs start others, so the whole group goes."""
    if process.returncode is None:
        kill_group(process)
        await asyncio.shield(_ended(process))
    # What has left the group may hold a pipe for as long as it likes.
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 (nothing public does it)


def kill_group(process: asyncio.subprocess.Process) -> None:
    """Kill a program and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _ended(process: asyncio.subprocess.Process) -> None:
    # wait() waits for its pipes too, and a full one that nobody reads any more never ends.
    while process.returncode is None:  # noqa: ASYNC110 (nothing tells of it)
        await asyncio.sleep(_LOOK_AGAIN)
