"""Programs started for a moment: however the wait for them ends, they are gone."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from reconciler.clients.child import end, start
from reconciler.testing import eventually


async def test_a_full_pipe_that_nobody_reads() -> None:
    """What said too much is ended all the same, and at once."""
    process = await start("sh", "-c", "yes | head -c 1000000; sleep 300", stdin=PIPE, stdout=PIPE)
    while not process.stdout._paused:  # type: ignore[union-attr]  # noqa: ASYNC110 (nothing tells of it)
        await asyncio.sleep(0.01)
    await asyncio.wait_for(end(process), 10)
    assert process.returncode == -9


async def test_cancelled_while_it_starts(tmp_path: Path) -> None:
    """Neither the program nor what it has started meanwhile goes on."""
    script = 'sleep 300 & echo $! > "$0.made"; mv "$0.made" "$0"; wait'
    starting = asyncio.create_task(
        start("sh", "-c", script, str(tmp_path / "pid"), stdin=DEVNULL, stdout=DEVNULL)
    )
    for _ in range(2):
        await asyncio.sleep(0)
    # The loop stands still meanwhile, as on a busy machine.
    eventually((tmp_path / "pid").exists)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(starting, 10)
    pid = (tmp_path / "pid").read_text().strip()
    eventually(lambda: not Path("/proc", pid).exists())


async def test_a_pipe_kept_by_another(tmp_path: Path) -> None:
    """What left the group keeps nobody waiting."""
    other = """setsid sh -c 'echo $$ > "$0.made"; mv "$0.made" "$0"; exec sleep 300' "$0" & wait"""
    place = tmp_path / "pid"
    process = await start("sh", "-c", other, str(place), stdin=DEVNULL, stdout=PIPE)
    eventually(place.exists)
    try:
        await asyncio.wait_for(end(process), 10)
    finally:
        os.kill(int(place.read_text()), signal.SIGKILL)
