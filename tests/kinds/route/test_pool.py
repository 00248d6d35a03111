"""A route to a process: its pool, and how well it does."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.model import HealthCode, Observed, Origin, Ref, Resource
from reconciler.core.offer import Offer, Presence, Target
from reconciler.core.pool import unused_pools
from reconciler.kinds.route import KIND
from reconciler.kinds.route.actions import PutPool
from reconciler.kinds.route.endpoint import Endpoint, written_address
from reconciler.kinds.route.pool import pool_vitals
from reconciler.kinds.route.spec import RouteSpec
from reconciler.kinds.route.state import from_wire, to_wire

POOL = "process/web/http"
READY = {"name": "web-0", "address": "127.0.0.1:8000"}
COMING = {"name": "web-1", "address": "127.0.0.1:8001", "ready": False}


def route(**process: Any) -> Resource[RouteSpec]:
    spec = {"proxy": {"process": {"name": "web", "port": "http", **process}}}
    origin = Origin(PurePath("specs/web.yaml"), 1)
    return Resource(Ref("Route", "web"), RouteSpec.model_validate(spec), origin)


def seen(*pool: dict[str, Any], there: bool = True, refusing: tuple[str, ...] = ()) -> Any:
    rule = KIND.render(route())
    pools = {POOL: list(pool)} if there else {}
    vitals = {"version": 1, "behind": [], **pool_vitals(rule.proxy, pools, refusing)}
    return Observed(rule, owned=True, vitals=vitals)


@pytest.mark.parametrize(
    ("there", "code", "says"),
    [
        (seen(there=False), HealthCode.PROGRESSING, "waits for an instance of Process/web"),
        (seen(COMING), HealthCode.PROGRESSING, "waits for an instance of Process/web"),
        (seen(), HealthCode.DEGRADED, "no instance of Process/web is ready"),
        (seen(READY, COMING), HealthCode.HEALTHY, "by web-0 at 127.0.0.1:8000"),
        (
            seen(READY, refusing=("127.0.0.1:8000", "10.0.0.1:1")),
            HealthCode.DEGRADED,
            "1 of 1 instances of Process/web refuse connections: web-0 at 127.0.0.1:8000",
        ),
    ],
)
def test_health_names_the_process(there: Any, code: HealthCode, says: str) -> None:
    """Whether anybody takes its requests, and who does not."""
    health = KIND.health(there)
    assert health.code is code
    assert says in health.message


def test_a_rule_survives_the_wire() -> None:
    """What the gateway tells is what was written, times too."""
    rule = KIND.render(route(wait="1m30s"))
    told = to_wire(rule)
    assert told["proxy"]["process"] == {"name": "web", "port": "http", "wait": 90.0}
    assert from_wire({"name": "web", "managed_by": "reconciler", **told}) == rule
    assert list(KIND.points_at(route())) == [Target(Ref("Process", "web"), "http")]


def test_one_place_is_written() -> None:
    """An address or a process, not both and not neither."""
    process = {"name": "web", "port": "http"}
    for proxy in ({}, {"backend": "http://127.0.0.1:1", "process": process}):
        with pytest.raises(ValidationError, match="either `backend` or `process`"):
            RouteSpec.model_validate({"proxy": proxy})


def test_a_route_that_moves_waits_for_what_it_cannot_see() -> None:
    """The pool it moves to may be served for others: nobody is withdrawn there for not knowing."""
    elsewhere = Observed(
        KIND.render(route()), True, {"pool": "process/other/http", "endpoints": [READY]}
    )
    ports = {"http": 8000}
    unknown = [Offer("web-0", Presence.UNKNOWN, ports)]
    assert KIND.bound(route(), elsewhere, unknown) == ()
    ready = [Offer("web-0", Presence.READY, ports)]
    wanted = PutPool(POOL, (Endpoint("web-0", "127.0.0.1:8000"),))
    assert KIND.bound(route(), elsewhere, ready) == (wanted,)
    assert KIND.bound(route(), seen(READY), ready) == ()


def test_pools_that_nobody_points_to_go() -> None:
    """Those of processes and hosts that no rule of anybody names, nor the default backend."""
    db, rules = {"backend": "https://db.test:443"}, [to_wire(KIND.render(route()))]
    rules += [{"proxy": {"backend": "http://127.0.0.1:1"}}, {"respond": {}}, {"proxy": db}]
    pools = [POOL, "process/old/http", "host/old.test:80", "host/db.test:443", "somebody else's"]
    assert unused_pools(pools, rules) == ("host/old.test:80", "process/old/http")
    assert unused_pools(pools, rules, "http://old.test:80") == ("process/old/http",)
    assert unused_pools([], rules) == ()


def elsewhere(backend: str = "http://db.test:5000") -> Resource[RouteSpec]:
    origin = Origin(PurePath("specs/web.yaml"), 1)
    spec = RouteSpec.model_validate({"proxy": {"backend": backend}})
    return Resource(Ref("Route", "db"), spec, origin)


def seen_at(
    *pool: str, there: bool = True, problem: str = "", found: list[str] | None = None
) -> Observed[Any]:
    rule = KIND.render(elsewhere())
    pools = {"host/db.test:5000": [{"name": "db.test", "address": one} for one in pool]}
    vitals = pool_vitals(rule.proxy, pools if there else {})
    return Observed(rule, True, {**vitals, "addresses": found, "problem": problem})


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (seen_at(there=False), None),
        (seen_at(there=False, found=["10.0.0.1", "::1"]), ["10.0.0.1:5000", "[::1]:5000"]),
        (seen_at("10.0.0.1:5000", found=["10.0.0.1"]), None),
        (seen_at("10.0.0.1:5000", found=["10.0.0.2"]), ["10.0.0.2:5000"]),
        (seen_at("10.0.0.1:5000", problem="silence"), None),
        (seen_at(there=False, problem="no such name"), []),
        (seen_at(problem="no such name"), None),
    ],
)
def test_a_host_is_where_it_was_found_last(seen: Any, wanted: list[str] | None) -> None:
    """Silence moves nobody; who was never found is nowhere; an answer counts."""
    put = [] if wanted is None else [tuple(Endpoint("db.test", one) for one in wanted)]
    assert [one.endpoints for one in KIND.bound(elsewhere(), seen, ())] == put
    (target,) = KIND.points_at(elsewhere())
    assert str(target.ref) == "Host/db.test"
    for backend in ("http://localhost:80", "http://10.0.0.1:80", "unix:/run/app.sock"):
        assert list(KIND.points_at(elsewhere(backend))) == []


@pytest.mark.parametrize(
    ("seen", "code", "says"),
    [
        (seen_at(there=False), HealthCode.PROGRESSING, "looks up db.test"),
        (seen_at(problem="no such name"), HealthCode.DEGRADED, "no such name"),
        (seen_at("10.0.0.1:5000"), HealthCode.HEALTHY, "by db.test at 10.0.0.1:5000"),
        (
            seen_at("10.0.0.1:5000", problem="no answer"),
            HealthCode.HEALTHY,
            "no answer; as last known by 10.0.0.1:5000",
        ),
    ],
)
def test_health_tells_where_a_host_is(seen: Any, code: HealthCode, says: str) -> None:
    """Or why nobody knows."""
    health = KIND.health(seen)
    assert health.code is code
    assert says in health.message


@pytest.mark.parametrize(
    ("proxy", "told"),
    [
        ({"backend": "http://127.0.0.1:9"}, "127.0.0.1:9"),
        ({"backend": "http://localhost"}, "127.0.0.1:80"),
        ({"backend": "http://[::1]:9"}, "[::1]:9"),
        ({"backend": "unix:/run/app.sock"}, "unix:/run/app.sock"),
        ({"backend": "https://127.0.0.1"}, "https://127.0.0.1:443 as 127.0.0.1"),
        ({"backend": "https://[::1]"}, "https://[::1]:443 as ::1"),
        ({"backend": "https://localhost:9"}, "https://127.0.0.1:9 as localhost"),
        (
            {"backend": "https://127.0.0.1:9", "tls": {"serverName": "app.example"}},
            "https://127.0.0.1:9 as app.example",
        ),
        ({"backend": "https://127.0.0.1:9", "tls": {"verify": False}}, "https://127.0.0.1:9 as *"),
        ({"backend": "http://app.example:9"}, None),
        ({"process": {"name": "web", "port": "http"}}, None),
    ],
)
def test_one_address_is_named_as_the_gateway_tells_it(proxy: Any, told: str | None) -> None:
    """So that the route to an address that refuses is found; another's refusal is not its own."""
    spec = RouteSpec.model_validate({"proxy": proxy})
    assert written_address(spec.proxy) == told
    assert pool_vitals(spec.proxy, {}, ["127.0.0.2:9"]).get("refusing", []) == []
    if told:
        assert pool_vitals(spec.proxy, {}, [told]) == {"refusing": [told]}
