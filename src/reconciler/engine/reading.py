"""Reads the specs for the operator, and remembers why that is not possible now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from ..core.errors import ReconcileError, Waiting
from ..core.usual import nothing_to_say
from ..specs.load import Loader, Snapshot
from ..specs.remarks import Reviewed
from .look import Stack
from .plan_view import View

log = logging.getLogger(__name__)

T = TypeVar("T")

Loaded: TypeAlias = tuple[Snapshot, frozenset[Path]]
"""The specs, and the files they refer to."""
PART: Final = 0.02
"""What comes in so many seconds is read ahead together."""
TURNS: Final = 2
"""So many turns of the loop are left to what began with an edit, so that it is under way."""
AGAIN: Final = 1.0
"""What cannot be read is tried again this soon (seconds)."""


@dataclass(slots=True)
class Reading:
    """The specs of one stack. ``error`` is why they cannot be read now, else empty."""

    stack: Stack
    loader: Loader
    error: str = ""
    is_told: bool = False
    """Whether somebody is told why they cannot be read, so that no log need say it."""
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while they cannot be read."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _reviewing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _outside: frozenset[Path] = frozenset()
    _noted: set[str] = field(default_factory=set)
    """Where something happened that is to be read ahead."""
    _ahead: Loaded | None = None
    _reader: asyncio.Task[None] | None = None

    async def read(self, touched: Collection[str] | None = None) -> bool:
        """Read them; says whether they differ from what was read before.

        ``touched`` are the paths where something happened, if that is known.
        """
        async with self._turn:
            return await self._read(touched)

    async def read_noted(self, touched: Collection[str] | None) -> bool:
        """The same where all of ``touched`` was noted: what was read ahead is not read again."""
        async with self._turn:
            left, self._noted = self._noted, set()
            if touched is None or self._ahead is None:
                return await self._read(touched)
            return await self._read(left, None if left else self._ahead)

    async def _read(self, touched: Collection[str] | None, known: Loaded | None = None) -> bool:
        self._ahead = None
        try:
            found = await self._fetch(touched) if known is None else known
            snapshot, self._outside = found
        except ReconcileError as exc:
            self._lose(str(exc))
            if not self.is_told:
                log.warning("specs cannot be read: %s", exc)
            return False
        except Exception as exc:  # a fault of ours must not end what already runs
            self._lose(f"internal error: {type(exc).__name__}")
            log.exception("reading the specs failed")
            return False
        self.error = ""
        self.lost.clear()
        return self._take(snapshot)

    def _lose(self, error: str) -> None:
        self.error = error
        self.lost.set()

    @property
    def is_ahead(self) -> bool:
        """Whether anything is read, or was, for a ``read_noted`` to come."""
        return self._ahead is not None or bool(self._noted)

    def read_ahead(self, touched: Collection[str]) -> None:
        """Something happened there, and more may: begin to read it."""
        self._noted.update(touched)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read_ahead())

    async def _read_ahead(self) -> None:
        """What was read after the last note of it is as good as what is read now."""
        while self._noted:
            async with self._turn:
                touched, self._noted = self._noted, set()
                if not touched:
                    return  # who waited for it has read it
                try:
                    self._ahead = await self._fetch(touched, after=TURNS)
                except Exception:  # noqa: BLE001 (it is read again, and told then)
                    self._ahead = None
                    self._noted |= touched
                    return
            await asyncio.sleep(PART)

    async def review(self) -> None:
        """Have the ledger know what is odd about the specs in use. It may take a while, once."""
        ledger = self.stack.ledger
        if all(kind.review is nothing_to_say for kind in self.stack.kinds.values()):
            return
        async with self._reviewing:
            snapshot = ledger.snapshot
            if snapshot is None or ledger.reviewed.resources is snapshot.resources:
                return
            try:
                remarks = await asyncio.to_thread(self.loader.review, snapshot)
                async with self._turn:
                    ledger.reviewed = await asyncio.to_thread(self.loader.place, snapshot, remarks)
            except Exception:  # who only warns must not keep anybody from seeing the rest
                log.exception("reviewing the specs failed")
                ledger.reviewed = Reviewed(snapshot.resources)

    def outside(self) -> frozenset[Path]:
        """The files that the specs refer to."""
        return self._outside

    async def hold(self, work: Callable[[], T]) -> T:
        """Do something in a thread while nobody reads the specs."""
        async with self._turn:
            return await asyncio.to_thread(work)

    def failed(self) -> bool:
        """Whether the newest specs are not known."""
        return bool(self.error) or self.stack.ledger.snapshot is None

    def demand(self) -> None:
        """Raises Waiting when no specs were ever read."""
        if self.stack.ledger.snapshot is None:
            text = self.error or "the specs were not read yet"
            raise Waiting(text, reason="NoSpecs", after=AGAIN)

    def unread(self) -> list[View]:
        """The specs among what cannot be seen, when they cannot be read now."""
        why = {"kind": "Specs", "reason": "SpecsUnreadable", "message": self.error}
        return [why] if self.error else []

    async def _fetch(self, touched: Collection[str] | None, *, after: int = 0) -> Loaded:
        """What is there. For little a thread would take longer, and slow down the rest."""
        for _ in range(after):
            await asyncio.sleep(0)
        if touched is None or not self.loader.is_brief(touched):
            return await asyncio.to_thread(self._load, touched)
        return self._load(touched)

    def _load(self, touched: Collection[str] | None) -> Loaded:
        return self.loader.load(touched), self.loader.outside()

    def _take(self, snapshot: Snapshot) -> bool:
        ledger, confirmation = self.stack.ledger, self.stack.confirmation
        if snapshot is ledger.snapshot or not ledger.take_snapshot(snapshot):
            return False
        # An emptied folder has the same revision each time: what was allowed once is not for ever.
        if not confirmation.covers(snapshot.revision):
            confirmation.end()
        return True
