"""Route: which requests go where."""

from ...core.kind import Kind
from .actions import steps
from .health import health
from .pool import bound, points_at
from .review import prove, review, taken
from .spec import RouteSpec
from .state import Rule, render

__all__ = ["KIND", "taken"]


KIND = Kind(
    name="Route",
    Spec=RouteSpec,
    State=Rule,
    wave=20,
    render=render,
    steps=steps,
    health=health,
    needs=lambda _: (),
    points_at=points_at,
    bound=bound,
    review=review,
    prove=prove,
    plural="routes",
    short="rt",
)
