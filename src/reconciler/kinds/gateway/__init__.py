"""Gateway: the one public port of a stack."""

from ...core.kind import Kind
from ...core.model import Due, Observed, Resource
from ...core.pool import host_pool
from .actions import DropPools, KeepTable, PointDefault, steps
from .health import health
from .spec import GatewaySpec
from .state import Listener, render
from .traffic import traffic

__all__ = ["KIND"]


ASK_AGAIN = 30.0
"""How long the addresses of a name are used before they are asked for again (seconds)."""


def _due(resource: Resource[GatewaySpec], seen: Observed[Listener], _now: float) -> Due:
    # The table is served but would be lost with the next start: not drift, but work.
    keep = (KeepTable(),) if seen.vitals.get("kept") is False else ()
    unused = tuple(seen.vitals.get("unusedPools", ()))
    drop = (DropPools(unused),) if unused else ()
    pool = host_pool(resource.spec.default_backend)
    if pool is None:
        return Due((*keep, *drop))
    return Due((*keep, *drop, *_pointing(pool, seen)), after=ASK_AGAIN)


def _pointing(pool: str, seen: Observed[Listener]) -> tuple[PointDefault, ...]:
    """What leads the default backend to where its name is now."""
    said = seen.vitals.get("default", {})
    found = tuple(said.get("resolved") or ())
    if said.get("pool") != pool or not found or list(found) == said.get("served"):
        return ()
    return (PointDefault(pool, found),)


KIND = Kind(
    name="Gateway",
    Spec=GatewaySpec,
    State=Listener,
    wave=10,
    render=render,
    steps=steps,
    health=health,
    needs=lambda _: (),
    due=_due,
    traffic=traffic,
    defaults={"bind": "RECONCILER_BIND"},
    plural="gateways",
    short="gw",
)
