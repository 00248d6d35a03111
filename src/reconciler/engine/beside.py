"""Files that specs refer to (a secret, an ``envFile``): an edit of one is noticed at once."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from ..clients.inotify import Inotify
from .wake import bursts

log = logging.getLogger(__name__)

AGAIN: Final = 1.0
"""Seconds until a folder that went away is looked for again."""


class Places(NamedTuple):
    """What is to be watched: folders, and in them only what has one of these paths."""

    folders: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def is_noise(self, path: str) -> bool:
        """Whether nobody asked for ``path``. Two dots: the link by which mounted files change."""
        return path not in self.names and not path.rpartition("/")[2].startswith("..")


def places(paths: Iterable[Path]) -> Places:
    """Where an edit of these files shows, and where one that is missing would appear. Blocks."""
    names, folders = set(), set()
    for path in paths:
        for one in {os.path.abspath(path), os.path.realpath(path)}:  # noqa: PTH100 (never raises)
            name = one
            while not os.path.isdir(folder := os.path.dirname(name)):  # noqa: PTH112, PTH120
                name = folder
            folders.add(folder)
            names.add(name)
    return Places(frozenset(folders), frozenset(names))


@dataclass(slots=True)
class Beside:
    """Follows files that are no specs; ``hit`` is called when one of them may have changed."""

    wanted: Callable[[], Collection[Path]]
    hit: Callable[[], Awaitable[object]]
    _edited: asyncio.Event = field(default_factory=asyncio.Event)

    def look_again(self) -> None:
        """The specs may refer to other files."""
        self._edited.set()

    async def run(self) -> None:
        """For ever: watch what is wanted now, until something else is."""
        while True:
            self._edited.clear()
            now = await asyncio.to_thread(lambda: places(self.wanted()))
            following = asyncio.create_task(self._follow(now))
            try:
                while await asyncio.to_thread(lambda: places(self.wanted())) == now:
                    await self._edited.wait()
                    self._edited.clear()
            finally:
                following.cancel()
                await asyncio.wait([following])

    async def _follow(self, now: Places) -> None:
        while now.folders:
            try:
                notes = await asyncio.to_thread(self._listen, now)
                await self.hit()  # what happened before there was a watch
                async with aclosing(bursts(notes)) as found:
                    async for _ in found:
                        self.look_again()  # it may be a link, to another place than before
                        await self.hit()
            except FileNotFoundError:
                self.look_again()
            except OSError as exc:
                log.warning("changes of files beside the specs are found late: %s", exc)
                return
            await asyncio.sleep(AGAIN)

    def _listen(self, now: Places) -> Inotify:
        return Inotify(map(Path, now.folders), now.is_noise, drafts=False)
