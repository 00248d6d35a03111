"""What points at something follows it: work that comes from facts of the moment, never drift.

An instance that is ready is used; one that a step of this very plan is about to end is not any
more, before that step. What cannot be seen is no reason to withdraw anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from .gates import AnyChange, AnyResource, seen_of
from .kind import Kinds
from .model import Apply, Observed, Ref, Step, Unknown, Verb, World
from .offer import Offer, Presence
from .order import Shape

Offers: TypeAlias = tuple[Offer, ...]
Follow: TypeAlias = Callable[[AnyResource, Observed[Any], Offers], tuple[Any, ...]]

_ENDS: Final = frozenset({Apply.RESTART, Apply.RECREATE})
_IN_USE: Final = frozenset({Presence.READY, Presence.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Bindings:
    """Who offers what to whom. ``desired`` is as asked now."""

    kinds: Kinds
    desired: Mapping[Ref, AnyResource]
    world: World
    shape: Shape
    ending: frozenset[Ref] = frozenset()
    """Those whose life ends by this plan, and another one follows."""
    staying: tuple[Ref, ...] = ()
    """Nobody wants these any more, and still nobody may end them: they go on as they are."""
    aside: frozenset[Ref] = frozenset()
    """Those that wait to take another one's place, or have lost theirs."""
    unsure: frozenset[Ref] = frozenset()
    """Those of which nobody can say that yet."""
    _known: dict[Ref, Offers] = field(default_factory=dict)

    def steps(self, follow: Follow | None = None) -> Iterator[Step]:
        """What follows from who may be used now; the same work is done once."""
        done: set[Any] = set()
        for ref, targets in self.shape.targets.items():
            want, live = self.desired.get(ref), seen_of(ref, self.world)
            if want is None or live is None or not live.owned:
                continue  # what is not there yet follows as soon as it is
            offers = tuple(one for target in targets for one in self.offers(target.ref))
            for action in (follow or self.kinds[ref.kind].bound)(want, live, offers):
                if action not in done:
                    done.add(action)
                    yield Step(ref, action)

    def offers(self, target: Ref) -> Offers:
        """What every instance of ``target`` offers."""
        known = self._known.get(target)
        if known is None:
            known = self._known[target] = (*self._wanted(target), *self._staying(target))
        return known

    def _wanted(self, target: Ref) -> Iterator[Offer]:
        seen = self.world.get(target.kind)
        for ref in self.shape.members.get(target, ()):
            if ref not in self.desired:
                continue
            live = seen if seen is None or isinstance(seen, Unknown) else seen.get(ref.name)
            offer = self.kinds[ref.kind].offers(self.desired[ref], live)
            if ref in self.ending and offer.presence in _IN_USE:
                offer = offer._replace(presence=Presence.COMING)
            if ref in self.aside and offer.presence in _IN_USE:
                waits = Presence.UNKNOWN if ref in self.unsure else Presence.COMING
                offer = offer._replace(presence=waits)
            yield offer

    def _staying(self, target: Ref) -> Iterator[Offer]:
        for ref in self.staying:
            family = (ref.name, ref.name.rpartition("-")[0])
            replaced = ref in self.aside and ref not in self.unsure
            if ref.kind == target.kind and target.name in family and not replaced:
                yield Offer(ref.name, Presence.UNKNOWN)


def ending(changes: Iterable[AnyChange]) -> frozenset[Ref]:
    """Those that begin a new life by these changes."""
    return frozenset(one.ref for one in changes if one.verb is Verb.UPDATE and one.apply in _ENDS)


def staying(held: Iterable[AnyChange]) -> tuple[Ref, ...]:
    """Those whose deletion is held back."""
    return tuple(one.ref for one in held if one.verb is Verb.DELETE)
