"""Programs that are to end: given a moment, then left to later passes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from ...clients.keeper import Keeper
from ...core.errors import Waiting
from .stopping import Stopping

POLLS: Final = 10
POLL: Final = 0.001
"""Seconds to the first look at what is to stop; each next one is so much later."""


class Settling:
    """Waits for programs of one keeper."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._stopping = Stopping()

    async def wait(self, names: Collection[str]) -> dict[str, Waiting | None]:
        """What is still to be waited for, of each of ``names``; None for what has ended."""
        left = set(names)
        for number in range(POLLS):
            # Not at once: whoever answers us then has no time for what ends.
            await asyncio.sleep(POLL * (number + 1))
            entries = await self._keeper.look()
            left = {name for name in left if name in entries and _is_stopping(entries[name])}
            if not left:
                break
        for name in set(names) - left:
            self._stopping.over(name)
        return {name: self._stopping.not_yet(name) if name in left else None for name in names}

    async def wait_for(self, name: str) -> None:
        """The same for one; raises Waiting."""
        why = (await self.wait((name,)))[name]
        if why is not None:
            raise why


def _is_stopping(entry: object) -> bool:
    return isinstance(entry, dict) and entry["state"] == "stopping"
