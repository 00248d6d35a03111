"""What need not be worked out twice: everything goes by the identity of what it was made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..core.bound import Offers
from ..core.differences import comparing, difference
from ..core.gates import AnyChange
from ..core.kind import Kinds
from ..core.model import Health, HealthCode, Json, Observed, Ref, Resource, State, World
from ..core.moved import Looked
from ..core.order import Shape
from ..core.status import Told
from ..core.used import used_by
from ..core.usual import silent

Live = Observed[Any] | None

ABSENT = Health(HealthCode.UNKNOWN, "Absent", "it is not there")


class Recall:
    """The last shape, difference and health of each ref.

    Loader and drivers hand out the very same object for what did not change, so most of a pass
    over an unchanged stack is a look into these tables. What comes out is what would come out
    without them.
    """

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._compare = comparing(kinds, self.render)
        self._states: dict[Ref, tuple[Resource[Any], State]] = {}
        self._differing: dict[Ref, AnyChange] = {}
        self._looked = Looked()
        self._healths: dict[Ref, tuple[Live, Health]] = {}
        self._bound: dict[Ref, tuple[Resource[Any], Live, Offers, tuple[Any, ...]]] = {}
        self._used: tuple[Shape, Mapping[Ref, tuple[Ref, ...]]] = (Shape(), {})
        self.views: dict[Ref, tuple[tuple[Any, ...], Json]] = {}
        """What surfaces were shown of each, and what that was made of."""

    def render(self, resource: Resource[Any]) -> State:
        """The wanted state of a resource."""
        known = self._states.get(resource.ref)
        if known is not None and known[0] is resource:
            return known[1]
        state: State = self._kinds[resource.ref.kind].wanted(resource)
        self._states[resource.ref] = (resource, state)
        return state

    def differ(self, desired: Mapping[Ref, Resource[Any]], world: World) -> list[AnyChange]:
        """Everything that differs; only what moved since the last call is compared."""
        for ref in self._looked.moved(desired, world):
            change = difference(ref, desired.get(ref), world, self._compare)
            if change is None:
                self._differing.pop(ref, None)
            else:
                self._differing[ref] = change
        self._looked.take(desired, world)
        return list(self._differing.values())

    def health(self, ref: Ref, live: Live) -> Health:
        """How well what is seen does."""
        known = self._healths.get(ref)
        if known is not None and known[0] is live:
            return known[1]
        health = ABSENT if live is None else self._kinds[ref.kind].health(live)
        self._healths[ref] = (live, health)
        return health

    def told(self, ref: Ref, live: Live) -> tuple[Told, ...]:
        """What its kind has to tell of what is seen, beside how well it does."""
        tells = self._kinds[ref.kind].tells
        return () if live is None or tells is silent else tuple(tells(live))

    def follow(self, want: Resource[Any], live: Observed[Any], offers: Offers) -> tuple[Any, ...]:
        """What is to be done so that a resource follows what it points at."""
        known = self._bound.get(want.ref)
        if known is not None and known[0] is want and known[1] is live and known[2] == offers:
            return known[3]
        actions = self._kinds[want.ref.kind].bound(want, live, offers)
        self._bound[want.ref] = (want, live, offers, actions)
        return actions

    def used_by(self, shape: Shape, ref: Ref) -> tuple[Ref, ...] | None:
        """Who uses a written ref; None when nobody does."""
        if self._used[0] is not shape:
            self._used = (shape, used_by(shape))
        return self._used[1].get(ref)

    def forget(self, refs: Iterable[Ref]) -> None:
        """These are gone for good."""
        for ref in refs:
            self._states.pop(ref, None)
            self._healths.pop(ref, None)
            self._bound.pop(ref, None)
            self.views.pop(ref, None)
