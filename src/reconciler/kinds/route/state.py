"""Route, as it is served: one rule of the gateway's table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...core.model import Json, Resource, State
from ...core.units import format_duration
from .guard import Guard, guard_of
from .matching import Match
from .proxy import Proxy
from .spec import Redirect, Respond, RouteSpec
from .static import Static, in_place


class Rule(State):
    """One rule. Everything is said: the gateway has no defaults of its own."""

    priority: int = 0
    order: int = 0
    match: Match = Match()
    proxy: Proxy | None = None
    redirect: Redirect | None = None
    respond: Respond | None = None
    static: Static | None = None
    access: Guard | None = None


def render(resource: Resource[RouteSpec]) -> Rule:
    """The rule a route asks for."""
    spec = resource.spec
    return Rule(
        priority=spec.priority,
        order=spec.order,
        match=spec.match,
        proxy=spec.proxy,
        redirect=spec.redirect,
        respond=spec.respond,
        static=in_place(spec.static, resource.root),
        access=guard_of(spec.access),
    )


def to_wire(rule: Rule) -> dict[str, Json]:
    """The rule as JSON for the gateway; times are seconds."""
    return rule.model_dump(mode="python", by_alias=True, exclude_none=True)


def from_wire(entry: Mapping[str, Any]) -> Rule:
    """Read a rule of the table. Raises ValueError when it says what a Route cannot say."""
    fields = {key: value for key, value in entry.items() if key not in {"name", "managed_by"}}
    proxy = fields.get("proxy")
    if isinstance(proxy, dict):
        fields["proxy"] = dict(_written(proxy))
    return Rule.model_validate(fields)


def _written(proxy: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The same with its times as people write them."""
    for key, value in proxy.items():
        if key == "timeouts" and isinstance(value, dict):
            yield key, {name: format_duration(seconds) for name, seconds in value.items()}
        elif key == "process" and isinstance(value, dict) and "wait" in value:
            yield key, {**value, "wait": format_duration(value["wait"])}
        else:
            yield key, value
