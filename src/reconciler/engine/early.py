"""A look at the world that begins when an edit is noticed, while the edit is still being read."""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ..core.kind import Drivers
from ..core.model import World
from .clock import Clock
from .reconcile import observe

FRESH: Final = 0.02
"""Seconds after its beginning in which a look is as good as one that begins now."""


class Looked(NamedTuple):
    """What was seen, and when the look began."""

    world: World
    since: float


@dataclass(slots=True)
class Early:
    """At most one such look; whatever happens meanwhile makes it worthless."""

    clock: Clock
    _task: asyncio.Task[World] | None = None
    _since: float = 0.0
    _spared: World = field(default_factory=dict)
    """Kinds that were not looked at, and what was seen of them before."""
    _left: set[asyncio.Task[World]] = field(default_factory=set)
    """Those that nobody waits for any more: to cut a look short would leave half of it undone."""

    @property
    def is_fresh(self) -> bool:
        """Whether one is under way, or done, that is as good as one that begins now."""
        return self._task is not None and self.clock.monotonic() - self._since < FRESH

    def begin(self, drivers: Drivers, spared: World) -> None:
        """Look now, for the pass that is about to come.

        ``spared`` are kinds of which there was nothing and nothing was wanted: they are looked at
        when an edit wants some.
        """
        self.drop()
        self._since, self._spared = self.clock.monotonic(), spared
        asked = {kind: driver for kind, driver in drivers.items() if kind not in spared}
        self._task = asyncio.create_task(observe(asked))

    def drop(self) -> None:
        """Something has happened that it may not have seen."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            self._left.add(task)
            task.add_done_callback(self._left.discard)

    async def look(self, drivers: Drivers, wanted: AbstractSet[str]) -> Looked:
        """The look that is under way, if it is still good; else one that begins now.

        ``wanted`` are the kinds of which something is wanted by now.
        """
        since, task = self.clock.monotonic(), self._task
        if task is not None and self.is_fresh:
            self._task = None
            since, seen = self._since, {**self._spared, **await task}
            late = {kind: drivers[kind] for kind in self._spared.keys() & wanted}
            seen |= await observe(late) if late else {}
            return Looked({kind: seen[kind] for kind in drivers}, since)
        self.drop()
        return Looked(await observe(drivers), since)
