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
from reconciler.kinds.route.endpoint import Endpoint
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
    """Of processes and of hosts, and only when no rule of anybody and no default names them."""
    rules = [to_wire(KIND.render(route())), {"proxy": {"backend": "http://127.0.0.1:1"}}]
    pools = [POOL, "process/web/admin", "process/old/http", "host/db:80"]
    assert unused_pools(pools, rules) == ("host/db:80", "process/old/http", "process/web/admin")
    assert unused_pools(["host/db:80", "mine"], rules, "http://db:80") == ()
    assert unused_pools(["host/db:443"], [{"proxy": {"backend": "https://db:443"}}]) == ()
