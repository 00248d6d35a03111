"""What an instance offers to those who send it requests: whether it may be used, and its ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...core.model import Json, Observed, Resource, Unknown
from ...core.offer import Offer, Presence
from .spec import ProcessSpec, ports
from .state import Program

HOPEFUL: Final = 2
"""After more failures in a row nobody waits for it any more."""
_READINESS: Final = {
    "success": Presence.READY,
    "awaited": Presence.COMING,
    "failure": Presence.AWAY,
    "unknown": Presence.UNKNOWN,
}
_OVER: Final = frozenset({"failed", "completed", "armed"})


def offers(resource: Resource[ProcessSpec], seen: Observed[Program] | Unknown | None) -> Offer:
    """What one instance offers now."""
    numbers = {name: number for name, number in ports(resource).items() if number is not None}
    if isinstance(seen, Observed) and seen.owned:
        # What it was started with, until it is started anew.
        numbers |= {name: port for name, port in seen.state.ports.items() if name in numbers}
    return Offer(resource.ref.name, _presence(resource, seen), numbers)


def _presence(
    resource: Resource[ProcessSpec], seen: Observed[Program] | Unknown | None
) -> Presence:
    if isinstance(seen, Unknown):
        return Presence.UNKNOWN
    if not resource.spec.enabled:
        return Presence.AWAY
    if seen is None:
        return Presence.COMING
    return _usable(seen.vitals) if seen.owned else Presence.AWAY


def _usable(vitals: Mapping[str, Json]) -> Presence:
    """Whether it may be used, by its state and what its probes say."""
    match vitals.get("state"):
        case "running":
            return _READINESS[vitals.get("readiness", "success")]
        case "starting":
            return _READINESS[vitals.get("readiness", "awaited")]
        case "stopping" | "stopped":
            return Presence.COMING  # it is wanted, so it will be started again
        case "backoff":
            return Presence.COMING if vitals.get("failures", 0) <= HOPEFUL else Presence.AWAY
        case state if state in _OVER:
            return Presence.AWAY
    return Presence.UNKNOWN
