"""What is said about all routes together: warnings, and golden requests that fail."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.model import Origin, Ref, Resource
from reconciler.core.sealed import Sealed
from reconciler.kinds.gateway.spec import GatewaySpec
from reconciler.kinds.route import guard
from reconciler.kinds.route.match import Request
from reconciler.kinds.route.review import prove, review, routing_of, rules_of, taken
from reconciler.kinds.route.spec import RouteSpec

OK: dict[str, Any] = {"respond": {"status": 200}}
TO_X: dict[str, Any] = {"proxy": {"backend": "http://127.0.0.1:1"}}


def written(default: str | None = None, **specs: dict[str, Any]) -> dict[Ref, Resource[Any]]:
    """Routes as they are written, beside a Gateway."""
    found: dict[Ref, Resource[Any]] = {}
    for line, (name, spec) in enumerate(specs.items(), start=1):
        ref = Ref("Route", name.replace("_", "-"))
        read = RouteSpec.model_validate({**OK, **spec} if "proxy" not in spec else spec)
        found[ref] = Resource(ref, read, Origin(PurePath("specs/r.yaml"), line))
    ref = Ref("Gateway", "gateway")
    spec = GatewaySpec.model_validate({"defaultBackend": default} if default else {})
    found[ref] = Resource(ref, spec, Origin(PurePath("specs/g.yaml"), 1))
    return found


def test_a_route_that_serves_nothing_is_named_with_who_does() -> None:
    """With the place where the other is written."""
    resources = written(all={"priority": 1}, part={"match": {"pathPrefix": "/a"}})
    (said,) = review(resources)
    assert said.ref == Ref("Route", "part")
    assert said.message == "Route/part is never used: Route/all (specs/r.yaml:1) takes its requests"


def test_a_route_cannot_take_more_than_the_gateway() -> None:
    """Said where it is written, with both sizes."""
    big = {"proxy": {**TO_X["proxy"], "maxBody": "1GB"}}
    fits = {"match": {"host": "a.x"}, "proxy": {**TO_X["proxy"], "maxBody": "100Mi"}, "priority": 1}
    (said,) = review(written(big=big, fits=fits))
    assert said.message == "Route/big takes requests of 1GB, the Gateway 100Mi"
    assert said.at == ("spec", "proxy", "maxBody")


def test_a_duplicate_is_called_one() -> None:
    """The same requests twice: the lower order wins."""
    one = {"match": {"pathPrefix": "/a"}}
    (said,) = review(written(b={**one, "order": 1}, a={**one, "order": 2}))
    assert said.message.endswith("Route/b (specs/r.yaml:1) is for the same requests")


def test_a_tie_is_told_once() -> None:
    """And says what would end it."""
    (said,) = review(written(b={}, a={"match": {"host": "a.x"}}))
    assert said.message.startswith("Route/a wins over Route/b (specs/r.yaml:1) only by its name")
    assert "priority" in said.hint


def test_a_gateway_may_move_what_is_reserved() -> None:
    """What it has moved away is free, and where it is now is not."""
    moved = {"/metrics": "/ops/metrics", "/admin/ui/": False, "/api/pm/": "/pm/"}
    resources = written(
        all={"tests": [{"get": path, "expect": {"route": "all"}} for path in (
            "/metrics", "/admin/ui/x", "/api/pm/x")]},
        taken={"match": {"pathPrefix": "/pm/x"}, "priority": 1},
    )  # fmt: skip
    ref = Ref("Gateway", "gateway")
    spec = GatewaySpec.model_validate({"reserved": moved})
    resources[ref] = Resource(ref, spec, Origin(PurePath("specs/g.yaml"), 1))
    assert [*prove(resources)] == []
    assert routing_of(resources).decide(Request("/ops/metrics")).route is None
    routes = [one for ref, one in resources.items() if ref.kind == "Route"]
    assert [*taken(routes, [resources[ref]])] == [(Ref("Route", "taken"), "/pm/x")]


@pytest.mark.parametrize(
    "match",
    [
        {"pathEqual": "/metrics"},
        {"pathEqual": "/%68ealth"},
        {"pathEqual": "/api/sync-progress"},
        {"pathPrefix": "/admin/ui/"},
        {"pathPrefix": "//admin//api/x"},
        {"pathPrefix": "/api/pm/x"},
    ],
)
def test_the_operators_own_paths_are_not_to_be_had(match: dict[str, str]) -> None:
    """In any spelling: no route is asked about them."""
    resources = written(mine={"match": match})
    ref = Ref("Route", "mine")
    assert [*taken([resources[ref]], [])] == [(ref, *match.values())]


def test_what_is_beside_them_is_free() -> None:
    """What the originals' programs own, and prefixes that take more than ours."""
    paths = ("/", "/api/", "/api/ws/", "/api/auth/login", "/admin/", "/admin/ui", "/health")
    resources = written(**{f"r{n}": {"match": {"pathPrefix": p}} for n, p in enumerate(paths)})
    assert not [*taken((one for ref, one in resources.items() if ref.kind == "Route"), [])]


def golden(**test: Any) -> list[str]:
    """What is said of one golden request to a small site."""
    moved = {"match": {"pathPrefix": "/old/"}, "redirect": {"toPrefix": "/new/"}}
    resources = written(
        default="http://127.0.0.1:9",
        api={
            **TO_X,
            "match": {"pathPrefix": "/api/", "headers": [{"name": "X-Env", "equals": "a"}]},
            "tests": [test],
        },
        gone={"match": {"pathPrefix": "/gone", "methods": ["POST"]}, "respond": {"status": 410}},
    )
    ref = Ref("Route", "old")
    spec = RouteSpec.model_validate(moved)
    resources[ref] = Resource(ref, spec, Origin(PurePath("specs/r.yaml"), 9))
    return [remark.message.removeprefix("this test fails: ") for remark in prove(resources)]


@pytest.mark.parametrize(
    "test",
    [
        {"get": "/api/x", "headers": {"X-Env": "a"}, "expect": {"route": "api"}},
        {"get": "/%61pi/x?q=1", "headers": {"x-env": "a"}, "expect": {"route": "api"}},
        {"get": "/old/a?b=c", "expect": {"redirect": "/new/a?b=c", "status": 302, "route": "old"}},
        {"post": "/gone/x", "expect": {"status": 410}},
        {"get": "/a/../b", "expect": {"status": 400}},
    ],
)
def test_what_comes_as_expected_is_silent(test: dict[str, Any]) -> None:
    """The decision is the gateway's: paths are normalised, queries kept, refusals told."""
    assert golden(**test) == []


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (
            {"get": "/api/x", "expect": {"route": "api"}},
            "GET /api/x goes to the default backend http://127.0.0.1:9, not to Route/api",
        ),
        (
            {"post": "/gone", "expect": {"route": "old"}},
            "POST /gone goes to Route/gone (specs/r.yaml:2), not to Route/old",
        ),
        (
            {"get": "/old/a", "expect": {"redirect": "/new/b"}},
            "GET /old/a redirects to /new/a, not to /new/b",
        ),
        (
            {"get": "/gone", "expect": {"status": 410}},
            "GET /gone goes to the default backend http://127.0.0.1:9, not 410",
        ),
        (
            {"get": "/healthz", "expect": {"route": "api"}},
            "GET /healthz goes to the operator itself, not to Route/api",
        ),
        (
            {"get": "/a/./b", "expect": {"route": "api"}},
            "GET /a/./b is refused (a segment `.` or `..`), not to Route/api",
        ),
    ],
)
def test_what_does_not_is_told(test: dict[str, Any], says: str) -> None:
    """Where the request goes instead, and where that is written."""
    assert golden(**test) == [says]


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ({"expect": {"status": 200}}, "write exactly one of `get`"),
        ({"get": "/", "post": "/", "expect": {"status": 200}}, "write exactly one of `get`"),
        ({"get": "/"}, "expect"),
        ({"get": "/", "expect": {}}, "write `route`, `status` or `redirect`"),
        ({"get": "x", "expect": {"status": 200}}, "not a path"),
    ],
)
def test_a_golden_request_says_all(test: dict[str, Any], says: str) -> None:
    """One request, and at least one thing that must come of it."""
    with pytest.raises(ValidationError, match=says):
        RouteSpec.model_validate({**OK, "tests": [test]})


def test_passwords_are_stretched_with_the_proof() -> None:
    """That is done beside the loop: to render the routes afterwards takes no time."""
    users = [{"name": "me", "password": Sealed.of("of this test", b"k" * 32)}]
    resources = written(a={"access": {"auth": {"basic": {"users": users}}}})
    assert not [*prove(resources)]
    before = guard._stretched.cache_info().misses
    assert rules_of(resources)["a"].access is not None
    assert guard._stretched.cache_info().misses == before
