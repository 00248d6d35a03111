"""Does at once, and apart from the event loop, what is asked for side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from ...core.errors import Transient

T = TypeVar("T")

CHUNK: Final = 25
"""So many are let go on while the next ones are worked on."""
FEW: Final = 2
"""For so many brief ones a thread would take longer than the work."""


class Together(Generic[T]):
    """``work`` blocks; it runs in a thread, for all items that were asked for in the same turn.

    ``is_brief`` says of an item that it takes no longer than a thread does to begin.
    """

    def __init__(
        self, work: Callable[[T], None], *, is_brief: Callable[[T], bool] = lambda _: False
    ) -> None:
        self._work_on = work
        self._is_brief = is_brief
        self._asked: list[tuple[T, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def do(self, item: T) -> None:
        """Have ``item`` worked on; raises what its work raised."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[None] = loop.create_future()
        self._asked.append((item, answer))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        await answer

    async def _run(self) -> None:
        await asyncio.sleep(0)  # who asks at the same moment, by way of a task, comes along
        while self._asked:
            asked, self._asked = self._asked[:CHUNK], self._asked[CHUNK:]
            try:
                whys = await self._try_all([item for item, _ in asked])
            except BaseException:
                for _, answer in asked:
                    answer.cancel()
                raise
            for (_, answer), why in zip(asked, whys, strict=True):
                if answer.done():  # its caller gave up
                    continue
                if why is None:
                    answer.set_result(None)
                else:
                    answer.set_exception(why)

    async def _try_all(self, items: list[T]) -> list[Exception | None]:
        if len(items) <= FEW and all(map(self._is_brief, items)):
            return [self._try(item) for item in items]
        return await asyncio.to_thread(lambda: [self._try(item) for item in items])

    def _try(self, item: T) -> Exception | None:
        try:
            self._work_on(item)
        except OSError as exc:
            return Transient(f"{exc.strerror}: {exc.filename}", reason="DiskFailed")
        except Exception as exc:  # noqa: BLE001 (it is raised where the item was asked for)
            return exc
        return None
