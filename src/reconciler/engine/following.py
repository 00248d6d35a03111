"""What makes the operator read its specs again: an edit, one of a file beside them, and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .beside import Beside
from .reading import AGAIN, Reading
from .wake import Watch, file_changes


@dataclass(slots=True)
class Following:
    """Follows the specs of one stack; ``changed`` is called when they differ from before.

    ``noticed`` is called as soon as there may be something to read.
    """

    reading: Reading
    watch_paths: Callable[[], Iterable[Path]]
    changed: Callable[[], None]
    noticed: Callable[[], None] = lambda: None
    beside: Beside = field(init=False)
    watch: Watch = field(default_factory=Watch)

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
        return await self._after(self.reading.read(touched))

    async def _after(self, read: Awaitable[bool]) -> bool:
        before = self.reading.outside()
        differ = await read
        if self.reading.outside() != before:
            self.beside.look_again()
        if differ:
            self.changed()
        return differ

    async def catch_up(self) -> bool:
        """Read what is new, if anything can be: where the kernel noted nothing, no file changed."""
        is_known = self.watch.is_quiet and not self.reading.failed()
        return await (self.read(()) if is_known else self._look_at_all())

    async def _look_at_all(self) -> bool:
        notes = self.watch.notes
        differ = await self.read()
        self.watch.proven = None if self.reading.failed() else notes
        return differ

    async def _follow_specs(self) -> None:
        await self.read()
        async for touched in file_changes(self.watch_paths, self.watch, self._notice):
            await self._after(self.reading.read_noted(touched))

    def _notice(self, touched: set[str]) -> None:
        """Begin with what is to be done once the edit is complete; a draft has touched nothing."""
        if not self.reading.is_ahead:
            self.noticed()
        if touched:
            self.reading.read_ahead(touched)

    async def _resync(self) -> None:
        """What no watch reports (a missed event, a file over a network) is found a little later."""
        stack = self.reading.stack
        while True:
            if self.reading.failed():
                await stack.clock.sleep(AGAIN)
            else:
                await self._rest(stack.resync)
            await self._look_at_all()

    async def _rest(self, seconds: float) -> None:
        """For so long, or until the specs cannot be read any more, whoever finds that out."""
        time = asyncio.ensure_future(self.reading.stack.clock.sleep(seconds))
        lost = asyncio.ensure_future(self.reading.lost.wait())
        try:
            await asyncio.wait({time, lost}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            time.cancel()
            lost.cancel()
