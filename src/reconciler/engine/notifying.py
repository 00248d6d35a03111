"""Tells others of what happens: beside the loop, each at its own pace, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..clients.webhook import Webhooks
from ..core.model import Json
from ..kinds.stack.notification import Notification
from .found_out import read_note, write_note
from .journal import Journal
from .ledger import Ledger
from .look import Stack
from .positions import Positions
from .sink import Office, Sink, account_of
from .standing import STACK


class Told(NamedTuple):
    """One of them, and what works for it."""

    sink: Sink
    task: asyncio.Task[None]


@dataclass(slots=True)
class Notifying:
    """Keeps a worker for each webhook that the specs in use name.

    The journal is the queue, the records say how far each has got: a new operator goes on there.
    How it goes is written to ``note``, which is looked at with the Stack.
    """

    stack: Stack
    note: Path
    wake: Callable[[], None] = lambda: None
    webhooks: Webhooks = field(default_factory=Webhooks)
    positions: Positions = field(init=False)
    _told: dict[str, Told] = field(default_factory=dict)
    _known: dict[str, Json] = field(default_factory=dict)
    _bell: asyncio.Event = field(default_factory=asyncio.Event)
    _newest: int = 0

    def __post_init__(self) -> None:
        self.positions = Positions(self.stack.records)
        self._known = read_note(self.note)
        self._newest = self._journal.bounds()[1]

    async def run(self) -> None:
        """For ever."""
        self._journal.on_news = self._bell.set
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._bell.clear()
                    if self.stack.ledger.snapshot is not None:
                        await self._settle(group)
                    await self._bell.wait()
        finally:
            self._known = {name: told.sink.view() for name, told in self._told.items()}
            self._told.clear()
            await self.webhooks.aclose()

    @property
    def _journal(self) -> Journal:
        return self.stack.ledger.journal

    async def _settle(self, group: asyncio.TaskGroup) -> None:
        """Have a worker for each that is wanted now, and tell them that there is something."""
        wanted, snapshot = _wanted(self.stack.ledger), self.stack.ledger.snapshot
        for name, told in list(self._told.items()):
            if wanted.get(name) != (told.sink.stack, told.sink.order):
                told.task.cancel()
                await asyncio.wait({told.task})  # it may be about to write how far it has got
                del self._told[name]
                self._known[name] = told.sink.view()
        for name in wanted.keys() - self._told.keys():
            self._begin(group, name, *wanted[name])
        if snapshot is not None and snapshot.whole:
            self.positions.keep_only(wanted)
            self._known = {name: one for name, one in self._known.items() if name in wanted}
        self._newest = self._journal.bounds()[1]
        for told in self._told.values():
            told.sink.bell.set()

    def _begin(self, group: asyncio.TaskGroup, name: str, stack: str, order: Notification) -> None:
        office = Office(
            self._journal, self.positions, self.webhooks, self.stack.clock, self._write, self.wake
        )
        at = self.positions.begin(name, order.when, self._newest)
        account = account_of(self._known.get(name))
        sink = Sink(stack, order, office, at, account)
        self._told[name] = Told(sink, group.create_task(sink.run()))
        self._write()
        self.wake()

    def _write(self) -> None:
        """Say how it goes, for whoever looks at the Stack."""
        write_note(self.note, {name: one.sink.view() for name, one in self._told.items()})


def _wanted(ledger: Ledger) -> dict[str, tuple[str, Notification]]:
    """Who is to be told, by the specs in use."""
    found = (one for ref, one in ledger.desired.items() if ref.kind == STACK)
    return {one.name: (stack.ref.name, one) for stack in found for one in stack.spec.notifications}
