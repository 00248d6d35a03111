"""Gateway: the one public port of a stack."""

from ...core.kind import Kind
from ...core.model import Due, Observed, Resource
from .actions import DropPools, KeepTable, steps
from .default import bound, points_at
from .health import health
from .spec import GatewaySpec
from .state import Listener, render
from .traffic import traffic

__all__ = ["KIND"]


def _due(_resource: Resource[GatewaySpec], seen: Observed[Listener], _now: float) -> Due:
    # The table is served but would be lost with the next start: not drift, but work.
    keep = (KeepTable(),) if seen.vitals.get("kept") is False else ()
    unused = tuple(seen.vitals.get("unusedPools", ()))
    return Due((*keep, *((DropPools(unused),) if unused else ())))


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
    points_at=points_at,
    bound=bound,
    traffic=traffic,
    defaults={"bind": "RECONCILER_BIND"},
    plural="gateways",
    short="gw",
)
