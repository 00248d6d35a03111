"""What was ordered, on the disk until it is done; and for a while what came of it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from ..core.errors import ReconcileError, Terminal, Transient
from ..core.model import Json, Ref, Step
from ..core.ordered import PATIENT, Ending, Order
from .journal import Event
from .obeying import Ended
from .records import Records

log = logging.getLogger(__name__)

TOPIC: Final = "order"
KEPT: Final = 100
"""So many that have ended are remembered, the newest."""
MOST: Final = 20
"""So many may wait for one thing."""


class Orders:
    """At most one of a thing is done at a time, the oldest first; they survive the operator."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._all = dict(sorted(_read_all(records.all(TOPIC)), key=lambda one: one[1].at))
        self._begun: set[str] = set()
        self._over: dict[str, asyncio.Event] = {}

    def get(self, id: str) -> Order | None:  # noqa: A002 (what it is called everywhere)
        """One order, done or not; None when there is none or it is long ago."""
        return self._all.get(id)

    def recent(self, limit: int = KEPT) -> list[Order]:
        """The newest first."""
        return list(self._all.values())[::-1][:limit]

    def is_begun(self, order: Order) -> bool:
        """Whether it is being done now."""
        return order.ended is None and order.id in self._begun

    def add_all(self, orders: Iterable[Order]) -> list[Order]:
        """Keep all of these, or none."""
        before = dict(self._all)
        try:
            with self._records.together():
                return [self.add(order) for order in orders]
        except BaseException:
            self._all = before
            raise

    def add(self, order: Order) -> Order:
        """Keep an order; the very same one that still waits is not wanted twice."""
        waiting = [one for one in self._open() if one.ref == order.ref]
        for one in waiting:
            same = (one.verb, dict(one.arguments)) == (order.verb, dict(order.arguments))
            if same and not self.is_begun(one):
                return one
        if len(waiting) >= MOST:
            text = f"{len(waiting)} things are to be done with {order.ref} already"
            raise Terminal(text, reason="Refused")
        kept = order._replace(id=secrets.token_hex(6), until=order.until or order.at + PATIENT)
        self._records.write(TOPIC, kept.id, _written(kept))
        self._all[kept.id] = kept
        return kept

    def next(self) -> dict[Ref, Order]:
        """What is to be done next with each."""
        found: dict[Ref, Order] = {}
        for order in self._open():
            found.setdefault(order.ref, order)
        return found

    def begin(self, due: Iterable[Step]) -> None:
        """These are being done."""
        self._begun |= {step.order for step in due if step.order}

    def learn(self, due: Iterable[Step], ended: Mapping[str, Ended], now: float) -> list[Event]:
        """Take in what came of those that were begun; what is to be told of it."""
        self._begun -= {step.order for step in due}
        events = []
        for name, end in ended.items():
            order = self._all.get(name)
            if order is not None and order.ended is None:
                events.append(self._end(order, _ending(end, now)))
        if ended:
            self._forget_old()
        return events

    def settle(self, desired: Collection[Ref], *, whole: bool, now: float) -> list[Event]:
        """Give up what waited too long, and what speaks of nobody any more."""
        events = []
        for order in [one for one in self._open() if one.id not in self._begun]:
            if whole and order.ref not in desired:
                end = Ending(
                    ok=False, at=now, reason="NotFound", message=f"no {order.ref} any more"
                )
            elif now >= order.until:
                end = Ending(ok=False, at=now, reason="Expired", message="it could not be begun")
            else:
                continue
            events.append(self._end(order, end))
        return events

    async def wait(self, id: str, seconds: float) -> Order | None:  # noqa: A002 (as above)
        """The order once it has ended, or as it is after so many seconds."""
        order = self._all.get(id)
        if order is not None and order.ended is None:
            over = self._over.setdefault(id, asyncio.Event())
            try:
                async with asyncio.timeout(seconds):
                    await over.wait()
            except TimeoutError:
                pass
        return self._all.get(id)

    def _open(self) -> Iterator[Order]:
        return (one for one in self._all.values() if one.ended is None)

    def _end(self, order: Order, end: Ending) -> Event:
        done = order._replace(ended=end)
        self._all[order.id] = done
        try:
            self._records.write(TOPIC, order.id, _written(done))
        except Transient as exc:  # it may be done once more after a restart, which does no harm
            log.warning("%s", exc)
        if over := self._over.pop(order.id, None):
            over.set()
        said = f"the {order.verb} that {order.author} ordered"
        if end.ok:
            return Event(order.ref, "Normal", "OrderDone", said)
        return Event(order.ref, "Warning", "OrderFailed", f"{said}: {end.message} ({end.reason})")

    def _forget_old(self) -> None:
        old = [one.id for one in self._all.values() if one.ended is not None][:-KEPT]
        for name in old:
            del self._all[name]
            self._records.clear(TOPIC, name)


def _ending(end: Ended, now: float) -> Ending:
    if isinstance(end, ReconcileError):
        return Ending(ok=False, at=now, reason=end.reason, message=str(end))
    return Ending(ok=True, at=now, did=end)


def _written(order: Order) -> Json:
    ended = order.ended._asdict() if order.ended is not None else None
    return {**order._asdict(), "ref": list(order.ref), "ended": ended}


def _read_all(written: Mapping[str, Json]) -> Iterator[tuple[str, Order]]:
    """What makes sense to us; a newer version may have written something else."""
    for name, value in written.items():
        try:
            known = {field: value[field] for field in Order._fields if field in value}
            ended = Ending(**known["ended"]) if known.get("ended") else None
            yield name, Order(**{**known, "ref": Ref(*value["ref"]), "ended": ended})
        except (TypeError, ValueError, LookupError, AttributeError) as exc:
            log.warning("the order %s does not count, it makes no sense here: %s", name, exc)
