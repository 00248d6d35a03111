"""Where the gateway sends requests, and what is not finished yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...core.model import Json, Observed
from ...core.turns import Traffic
from .state import Listener


def targets(pools: Mapping[str, Iterable[Mapping[str, Json]]]) -> list[str]:
    """The addresses that get new requests."""
    endpoints = (one for pool in pools.values() for one in pool)
    return sorted({str(one["address"]) for one in endpoints if one.get("ready", True)})


def traffic(seen: Observed[Listener]) -> Traffic:
    """What is told of requests; what does not answer may send them where it did before."""
    vitals = seen.vitals
    if vitals.get("state") != "running":
        return Traffic(settled=False)
    served = vitals["workers"].values()
    return Traffic(
        frozenset(vitals["targets"]),
        vitals["inFlight"],
        settled=all(version >= vitals["version"] for version in served),
    )
