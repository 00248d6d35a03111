"""Gateway: the one public port of a stack."""

from dataclasses import replace
from functools import partial

from ...core.kind import Kind
from ...core.model import Due, Observed, Resource
from .actions import GatewayAction, KeepTable, steps
from .health import health
from .spec import GatewaySpec
from .state import Listener, render

__all__ = ["KIND", "bound_to"]


def _due(_resource: Resource[GatewaySpec], seen: Observed[Listener], _now: float) -> Due:
    # The table is served but would be lost with the next start: not drift, but work.
    return Due((KeepTable(),)) if seen.vitals.get("kept") is False else Due()


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
    defaults={"bind": "RECONCILER_BIND"},
    plural="gateways",
    short="gw",
)


def bound_to(address: str) -> Kind[GatewaySpec, Listener, GatewayAction]:
    """The kind where a Gateway that names no address means this one (an image: ``0.0.0.0``)."""
    return replace(KIND, render=partial(render, bind=address))
