"""What a kind does that does not say otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .model import Change, Due, Observed, Ref, Resource, Unknown
from .offer import Offer, Presence, Target
from .remark import Remark
from .request import Request, Watch
from .status import Told
from .turns import Policy


def silent(seen: Observed[Any]) -> Iterable[Told]:
    """It tells nothing that every kind does not tell."""
    return ()


def alone(resource: Resource[Any]) -> tuple[Resource[Any], ...]:
    return (resource,)


def nothing_due(resource: Resource[Any], seen: Observed[Any], now: float) -> Due:
    """Time brings this kind nothing."""
    return Due()


def at_any_time(resource: Resource[Any]) -> bool:
    return True


def nothing_left(resource: Resource[Any], seen: Observed[Any]) -> tuple[Any, ...]:
    """Nothing has to be done before the stack goes."""
    return ()


def unpaused(resource: Resource[Any]) -> Resource[Any]:
    return resource


def calls_for_nothing(seen: Observed[Any]) -> Request | None:
    return None


def reloads_nothing(resource: Resource[Any]) -> None:
    return None


def no_ports(resource: Resource[Any]) -> Mapping[str, int | None]:
    return {}


def as_written(resource: Resource[Any], numbers: Mapping[str, int]) -> Resource[Any]:
    return resource


def watches_nothing(resource: Resource[Any], everything: bool) -> Watch | None:  # noqa: FBT001 (a hook's answer to one question)
    return None


def points_at_nothing(resource: Resource[Any]) -> Iterable[Target]:
    """It stands for itself."""
    return ()


def nobody_writes(resource: Resource[Any]) -> Iterable[Ref]:
    """Its data is its own."""
    return ()


def offers_nothing(resource: Resource[Any], seen: Observed[Any] | Unknown | None) -> Offer:
    return Offer(resource.ref.name, Presence.AWAY)


def follows_nobody(
    resource: Resource[Any], seen: Observed[Any], offers: Sequence[Offer]
) -> tuple[Any, ...]:
    return ()


def no_turns(resource: Resource[Any]) -> Policy | None:
    return None


def as_it_is(resource: Resource[Any], seen: Observed[Any]) -> Any:
    return seen.state


def nowhere(seen: Observed[Any]) -> frozenset[str]:
    return frozenset()


def nothing_to_say(resources: Mapping[Ref, Resource[Any]]) -> Iterable[Remark]:
    """All is well as it is written."""
    return ()


def disturbs_nobody(change: Change[Any]) -> bool:
    return False
