"""What makes the operator read its specs again: an edit, one of a file beside them, and time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .beside import Beside
from .reading import AGAIN, Reading
from .wake import file_changes


@dataclass(slots=True)
class Following:
    """Follows the specs of one stack; ``changed`` is called when they differ from before."""

    reading: Reading
    watch_paths: Callable[[], Iterable[Path]]
    changed: Callable[[], None]
    beside: Beside = field(init=False)

    def __post_init__(self) -> None:
        self.beside = Beside(self.reading.outside, lambda: self.read(()))

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_specs())
            group.create_task(self._resync())
            group.create_task(self.beside.run())

    async def read(self, touched: Collection[str] | None = None) -> bool:
        """Read the specs; says whether they differ from what was read before."""
        before = self.reading.outside()
        differ = await self.reading.read(touched)
        if self.reading.outside() != before:
            self.beside.look_again()
        if differ:
            self.changed()
        return differ

    async def _follow_specs(self) -> None:
        await self.read()
        async for touched in file_changes(self.watch_paths):
            await self.read(touched)

    async def _resync(self) -> None:
        """What no watch reports (a missed event, a file over a network) is found a little later."""
        stack = self.reading.stack
        while True:
            await stack.clock.sleep(AGAIN if self.reading.failed() else stack.resync)
            await self.read()
