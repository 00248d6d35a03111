"""What is asked for the moment: resources as they should be now, though the specs say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .gates import is_live
from .kind import Kinds
from .model import Need, Ref, Resource, Unknown, World
from .order import needs


class Override(NamedTuple):
    """Who asked for what, and why."""

    ref: Ref
    reason: str
    author: str


def overridden(
    kinds: Kinds, desired: Mapping[Ref, Resource[Any]], world: World
) -> tuple[dict[Ref, Resource[Any]], tuple[Override, ...]]:
    """The resources with every override applied, and the overrides.

    One that runs while data it needs is certainly not restored rests until it is. What cannot be
    seen is no reason to stop anything.
    """
    asked = {
        ref: why for ref, one in desired.items() if (why := _must_rest(kinds, one, desired, world))
    }
    now = {
        ref: kinds[ref.kind].paused(one) if ref in asked else one for ref, one in desired.items()
    }
    return now, tuple(Override(ref, why, "reconciler") for ref, why in asked.items())


def _must_rest(
    kinds: Kinds, resource: Resource[Any], desired: Mapping[Ref, Resource[Any]], world: World
) -> str:
    if not is_live(resource.ref, world):
        return ""
    for need in needs(kinds, resource):
        wanted = need.condition == "restored" and need.ref in desired
        if wanted and _is_certainly_unmet(kinds, need, world):
            return f"rests until {need.ref} is restored"
    return ""


def _is_certainly_unmet(kinds: Kinds, need: Need, world: World) -> bool:
    seen = world.get(need.ref.kind)
    if seen is None or isinstance(seen, Unknown):
        return False
    live = seen.get(need.ref.name)
    if live is None:
        return True
    return live.owned and not kinds[need.ref.kind].meets(live, need.condition)
