"""Has a command of the user's make the copy, in a folder of its own that is gone afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from ...clients.execution import Surroundings, execute
from ...core.errors import Transient
from .modes import PRIVATE
from .place import Place

PATIENCE: Final = 600.0
"""Seconds a command may take."""
GIVEN: Final = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")


@asynccontextmanager
async def snapshot(
    place: Place, command: tuple[str, ...], scratch: Path, environ: Mapping[str, str]
) -> AsyncIterator[Place]:
    """A place that holds what the command left. Raises Transient with its last words."""
    folder = scratch / f"{place.name}.snapshot"
    await asyncio.to_thread(_make, folder)
    try:
        env = {name: environ[name] for name in GIVEN if name in environ}
        env |= {"RECONCILER_SNAPSHOT": str(folder), "RECONCILER_SOURCE": str(place.path)}
        cwd = next(path for path in (place.folder, *place.folder.parents) if path.is_dir())
        await _run(command, Surroundings(env=env, cwd=str(cwd)))
        copy = replace(place, path=folder if place.is_folder else folder / place.path.name)
        if not copy.holds_something():
            raise Transient(
                f"{command[0]} left nothing in $RECONCILER_SNAPSHOT"
                + ("" if place.is_folder else f"; it must make {place.path.name} there"),
                reason="SnapshotFailed",
            )
        yield copy
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _run(command: tuple[str, ...], around: Surroundings) -> None:
    stop = os.eventfd(0)
    task = asyncio.ensure_future(
        asyncio.to_thread(execute, command, lambda: around, PATIENCE, stop)
    )
    try:
        result = await asyncio.shield(task)
    except asyncio.CancelledError:
        os.eventfd_write(stop, 1)
        await asyncio.wait([task])
        raise
    finally:
        os.close(stop)
    if not result.ok:
        raise Transient(f"no copy could be made: {result.message}", reason="SnapshotFailed")


def _make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=PRIVATE)
