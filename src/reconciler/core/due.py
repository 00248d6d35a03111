"""Work that time brings, and what was ordered: for what is settled, and not suspended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .gates import seen_of
from .kind import Kinds
from .model import Due, Ref, Resource, Step, World
from .ordered import Order


@dataclass(frozen=True, slots=True)
class Agenda:
    """Who may have work, and who is passed over: what differs, waits after a failure, or rests."""

    timed: Iterable[Ref] = ()
    orders: Mapping[Ref, Order] = field(default_factory=dict)
    passed_over: frozenset[Ref] = frozenset()
    now: float = 0.0


class DueWork:
    """The due steps of one pass, and when time alone brings the next."""

    def __init__(
        self,
        kinds: Kinds,
        desired: Mapping[Ref, Resource[Any]],
        world: World,
        agenda: Agenda,
    ) -> None:
        self._kinds, self._desired, self._world, self._agenda = kinds, desired, world, agenda
        ordered = {step.ref: step for step in self._ordered()}
        timed = [(ref, work) for ref, work in self._timed() if ref not in ordered]
        self.steps = (
            *(Step(ref, action) for ref, work in timed for action in work.actions),
            *self._ordered(),
        )
        self.times = [work.after for _, work in timed if work.after is not None]

    def _ordered(self) -> Iterator[Step]:
        """The next order of each; what is due then anyway can wait for another pass."""
        for ref, order in self._agenda.orders.items():
            want = self._desired.get(ref)
            verb = None if want is None else self._kinds[ref.kind].obeys.get(order.verb)
            if want is None or verb is None or want.suspend or not self._is_ours(ref):
                continue
            if verb.unsettled or ref not in self._agenda.passed_over:
                for action in verb.actions(want, order.arguments):
                    yield Step(ref, action, order=order.id)

    def _timed(self) -> Iterator[tuple[Ref, Due]]:
        for ref in self._agenda.timed:
            want, live = self._desired.get(ref), seen_of(ref, self._world)
            if want is None or want.suspend or ref in self._agenda.passed_over:
                continue
            if live is not None and live.owned:
                yield ref, self._kinds[ref.kind].due(want, live, self._agenda.now)

    def _is_ours(self, ref: Ref) -> bool:
        live = seen_of(ref, self._world)
        return live is not None and live.owned
