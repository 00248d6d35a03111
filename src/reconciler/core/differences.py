"""Where a world differs from what is wanted: everything is looked at, one ref at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from .diff import diff
from .gates import AnyChange, AnyResource
from .kind import Kinds
from .model import Observed, Ref, State, Unknown, World

Render: TypeAlias = Callable[[AnyResource], State]
Compare: TypeAlias = Callable[[AnyResource, "Observed[Any] | None"], "AnyChange | None"]
Differ: TypeAlias = Callable[[Mapping[Ref, AnyResource], World], Iterable[AnyChange]]
"""Finds everything in which a world differs from what is wanted."""


def comparing(kinds: Kinds, render: Render | None = None) -> Compare:
    """Finds the difference between one resource and what is seen of it."""
    draw = render or (lambda resource: kinds[resource.ref.kind].wanted(resource))

    def compare(want: AnyResource, live: Observed[Any] | None) -> AnyChange | None:
        return diff(want.ref, draw(want), live.state if live is not None else None)

    return compare


def differing(kinds: Kinds) -> Differ:
    """Finds differences by looking at everything."""
    compare = comparing(kinds)

    def differ(desired: Mapping[Ref, AnyResource], world: World) -> Iterator[AnyChange]:
        things = (seen if not isinstance(seen, Unknown) else {} for seen in world.values())
        seen = {Ref(kind, name) for kind, own in zip(world, things, strict=True) for name in own}
        for ref in (*desired, *(seen - desired.keys())):
            if (change := difference(ref, desired.get(ref), world, compare)) is not None:
                yield change

    return differ


def difference(
    ref: Ref, want: AnyResource | None, world: World, compare: Compare
) -> AnyChange | None:
    """How one ref differs; what is not ours and not wanted does not, nor what nobody can see."""
    seen = world.get(ref.kind)
    if seen is None or isinstance(seen, Unknown):
        return None
    live = seen.get(ref.name)
    if want is not None:
        return compare(want, live)
    return diff(ref, None, live.state) if live is not None and live.owned else None
