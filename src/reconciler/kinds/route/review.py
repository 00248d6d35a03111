"""What is to be said about all routes together: who is never used, which tests fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...core.model import Ref, Resource
from ...core.remark import Remark
from ...core.units import format_size
from .decide import Decision, Kind, Routing
from .entry import Entry
from .golden import Golden
from .guard import guard_of
from .match import Request, Table
from .reserved import USUAL, Reserved, arranged
from .shadows import Shadow, Tie, find_shadows, find_ties
from .state import Rule, render

Resources = Mapping[Ref, Resource[Any]]
ROUTE = "Route"


def review(resources: Resources) -> Iterator[Remark]:
    """Routes that serve nothing, and those that win only by their names."""
    table = Table(rules_of(resources))
    shadows = {shadow.entry.name: shadow for shadow in find_shadows(table.entries)}
    for shadow in shadows.values():
        yield _shadowed(shadow, resources)
    for tie in find_ties(entry for entry in table.entries if entry.name not in shadows):
        yield _tied(tie, resources)
    yield from _over_limit(resources)


def _over_limit(resources: Resources) -> Iterator[Remark]:
    """Routes that would take larger requests than the gateway lets through."""
    gateway = _gateway(resources)
    if gateway is None:
        return
    most = gateway.limits.max_body
    for ref, one in resources.items():
        wish = one.spec.proxy.max_body if ref.kind == ROUTE and one.spec.proxy else None
        if wish is not None and wish > most:
            text = f"{ref} takes requests of {format_size(wish)}, the Gateway {format_size(most)}"
            hint = "raise the Gateway's limits.maxBody, or lower this"
            yield Remark(ref, text, hint, ("spec", "proxy", "maxBody"))


def prove(resources: Resources) -> Iterator[Remark]:
    """Golden requests that do not come to what is expected of them."""
    routes = [one for ref, one in resources.items() if ref.kind == ROUTE]
    for route in routes:
        guard_of(route.spec.access)  # each password takes milliseconds: here only a thread waits
    if not any(route.spec.tests for route in routes):
        return
    routing = routing_of(resources)
    for route in routes:
        for n, golden in enumerate(route.spec.tests):
            if wrong := _wrong(golden, _decided(golden, routing), resources):
                yield _failure(golden, route.ref, n, wrong)


def routing_of(resources: Resources) -> Routing:
    """What the gateway would decide with."""
    gateway = _gateway(resources)
    default = gateway.default_backend if gateway else None
    return Routing(rules_of(resources), default, _reserved(resources))


def taken(
    routes: Iterable[Resource[Any]], gateways: Iterable[Resource[Any]]
) -> Iterator[tuple[Ref, str]]:
    """Routes that only ask for what is the operator's own, and the path they ask for."""
    gateway = next(iter(gateways), None)
    reserved = arranged(gateway.spec.reserved) if gateway else USUAL
    for route in routes:
        if path := reserved.takes(route.spec.match):
            yield route.ref, path


def _gateway(resources: Resources) -> Any:
    return next((one.spec for ref, one in resources.items() if ref.kind == "Gateway"), None)


def _reserved(resources: Resources) -> Reserved:
    gateway = _gateway(resources)
    return arranged(gateway.reserved) if gateway else USUAL


def rules_of(resources: Resources) -> dict[str, Rule]:
    """The rules of the routes among these."""
    return {ref.name: render(one) for ref, one in resources.items() if ref.kind == ROUTE}


def _shadowed(shadow: Shadow, resources: Resources) -> Remark:
    ref = Ref(ROUTE, shadow.entry.name)
    if not shadow.by:
        hint = "no request fulfils all that it asks for"
        return Remark(ref, f"{ref} is never used", hint, ("spec", "match"))
    names = " and ".join(_named(entry.name, resources) for entry in shadow.by)
    if len(shadow.by) == 1 and _is_same(shadow.entry, shadow.by[0]):
        text = f"{ref} is never used: {names} is for the same requests"
    else:
        text = f"{ref} is never used: {names} take{'s' * (len(shadow.by) == 1)} its requests"
    return Remark(ref, text, "give it a higher priority, or take it out", ("metadata", "name"))


def _tied(tie: Tie, resources: Resources) -> Remark:
    ref = Ref(ROUTE, tie.first.name)
    other = _named(tie.second.name, resources)
    text = f"{ref} wins over {other} only by its name where both could serve"
    return Remark(ref, text, "give one of them a higher priority", ("metadata", "name"))


def _named(name: str, resources: Resources) -> str:
    ref = Ref(ROUTE, name)
    return f"{ref} ({resources[ref].origin})" if ref in resources else str(ref)


def _is_same(one: Entry, other: Entry) -> bool:
    return one[2:] == other[2:]


def _decided(golden: Golden, routing: Routing) -> Decision:
    path, _, query = golden.target.partition("?")
    headers = {name.lower(): value for name, value in golden.headers.items()}
    return routing.decide(Request(path, golden.host, golden.method, None, headers), query)


def _failure(golden: Golden, ref: Ref, n: int, wrong: tuple[str, str]) -> Remark:
    field, text = wrong
    message = f"this test fails: {golden.method} {golden.target} {text}"
    hint = "`reconciler route test` shows the decision step by step"
    return Remark(ref, message, hint, ("spec", "tests", n, "expect", field))


def _wrong(golden: Golden, decision: Decision, resources: Resources) -> tuple[str, str] | None:
    """The field of ``expect`` that is not met, and what is instead."""
    expect, outcome = golden.expect, decision.outcome
    if expect.route is not None and expect.route != decision.route:
        return "route", f"{_went(decision, resources)}, not to {Ref(ROUTE, expect.route)}"
    if expect.redirect is not None and (
        outcome.kind is not Kind.REDIRECT or outcome.target != expect.redirect
    ):
        where = f"redirects to {outcome.target}" if outcome.kind is Kind.REDIRECT else ""
        return "redirect", f"{where or _went(decision, resources)}, not to {expect.redirect}"
    if expect.status is not None and expect.status != outcome.status:
        what = f"is answered {outcome.status}" if outcome.status else _went(decision, resources)
        return "status", f"{what}, not {expect.status}"
    return None


def _went(decision: Decision, resources: Resources) -> str:
    if decision.route is not None:
        return f"goes to {_named(decision.route, resources)}"
    match decision.outcome.kind:
        case Kind.REFUSED:
            return f"is refused ({decision.why})"
        case Kind.OPERATOR:
            return "goes to the operator itself"
        case Kind.PROXY:
            return f"goes to the default backend {decision.outcome.to}"
    return "goes nowhere (404)"
