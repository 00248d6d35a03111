"""A default backend that is a host name: where it is, and what follows when it moves."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.model import Observed, Resource
from ...core.offer import Offer, Target
from ...core.pool import host_in, moved
from .actions import PutPool
from .spec import GatewaySpec
from .state import Listener


def points_at(resource: Resource[GatewaySpec]) -> tuple[Target, ...]:
    """The host that gets what no route takes."""
    host = host_in(resource.spec.default_backend)
    return () if host is None else (host.target,)


def bound(
    resource: Resource[GatewaySpec], seen: Observed[Listener], _offers: Sequence[Offer]
) -> tuple[PutPool, ...]:
    """The pool to be put, unless it is served as it is to be."""
    host = host_in(resource.spec.default_backend)
    pool = None if host is None else moved(host, seen.vitals.get("default") or {})
    if host is None or pool is None:
        return ()
    return (PutPool(host.pool, tuple((one["name"], one["address"]) for one in pool)),)
