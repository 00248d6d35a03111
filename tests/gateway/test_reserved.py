"""Paths of the operator's own, on the public port."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import pytest

from .conftest import Backend, Gateway, MakeBackend

pytestmark = pytest.mark.real

CLOSED = ["/admin/ui/"]
API = ["/admin/routes.json", "/admin/password", "/admin/api/v1/plan", "/admin/api/", "/api/pm/list"]
API += ["/api/sync-progress", "/sync/api/reset"]


@pytest.fixture
async def operator(gateway: Gateway, make_backend: MakeBackend) -> Backend:
    """Stands where the operator's API listens."""
    return await make_backend(socket=gateway.parts.place.run / "operator.sock")


async def test_the_operator_hears_who_asks(gateway: Gateway, operator: Backend) -> None:
    """This machine is local; who comes through another proxy is a stranger, whatever he says."""
    local = await gateway.echo("/health?verbose", headers={"X-Reconciler-Client": "stranger"})
    assert (local["target"], local["headers"]["x-reconciler-client"]) == (
        "/health?verbose",
        "local",
    )
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        lies = {header: "127.0.0.1", "X-Reconciler-Client": "local"}
        said = await gateway.echo("/readyz", headers=lies)
        assert said["headers"]["x-reconciler-client"] == "stranger"
        assert (await gateway.get("/metrics", headers=lies)).status_code == 404
    assert (await gateway.echo("/metrics"))["headers"]["x-reconciler-client"] == "local"


async def test_no_route_takes_them(gateway: Gateway, operator: Backend, backend: Backend) -> None:
    """A rule that matches everything does not see the operator's paths, however they are spelt."""
    everything = {"proxy": {"backend": backend.url}, "priority": 1000}
    await gateway.serve(all=everything | {"match": {"pathPrefix": "/"}}, default=backend.url)
    for path in ("/health", "/%68ealth", "//livez", "/metrics", "/admin//api/x", *CLOSED, *API):
        line = f"GET {path} HTTP/1.1\r\nHost: h\r\nReferer: x\r\nConnection: close\r\n\r\n"
        assert (await gateway.raw(line.encode())).split(b" ")[1] in {b"200", b"404"}
    assert backend.requests == []
    for path in ("/api/run", "/api/pm", "/admin/api", "/api/pmx/list"):
        assert (await gateway.echo(path))["target"] == path
    assert len(backend.requests) == 4


async def test_the_api_is_the_operators(gateway: Gateway, operator: Backend) -> None:
    """Its calls arrive as they were sent, with the true address and host of who sent them."""
    lies = {
        "X-Forwarded-For": "10.9.9.9",
        "X-Real-IP": "10.9.9.9",
        "X-Forwarded-Proto": "https",
        "X-Reconciler-Client": "local",
        "Host": "bot.example",
        "Authorization": "Bearer abc",
        "Cookie": "a=b",
        "Origin": "http://bot.example",
    }
    for path in API:
        said = await gateway.echo(f"{path}?lines=1", headers=lies)
        heard = said["headers"]
        assert said["target"] == f"{path}?lines=1"
        assert heard["x-reconciler-client"] == "stranger"
        assert (heard["x-real-ip"], heard["x-forwarded-for"]) == ("127.0.0.1", "127.0.0.1")
        assert (heard["host"], heard["x-forwarded-proto"]) == ("bot.example", "http")
        assert (heard["authorization"], heard["cookie"]) == ("Bearer abc", "a=b")
        assert heard["origin"] == "http://bot.example"


async def test_a_large_request_is_not_even_read(gateway: Gateway, operator: Backend) -> None:
    """More than the operator takes is refused at the door."""
    line = b"POST /admin/api/v1/login HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n"
    assert (await gateway.raw(line)).split(b" ")[1] == b"413"
    line = b"POST /admin/api/v1/login HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await gateway.raw(line)).split(b" ")[1] == b"411"
    assert operator.requests == []


LARGE = "POST {} HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n"
UNSIZED = "POST {} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
ENCODED = "GET {}%2fx HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAccept: {}\r\n\r\n"


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/admin/api/v1/login", {}),
        ("/%61dmin//api/v1/login", {}),
        ("/api/pm/web/start", {"code": 0, "message": "", "data": {}}),
        ("/sync/api/reset", {"ok": False, "error": ""}),
        ("/admin/routes.json", {"error": ""}),
        ("/api/sync-progress", {}),
    ],
)
async def test_what_is_refused_at_the_door_is_a_problem(
    gateway: Gateway, operator: Backend, path: str, more: dict[str, Any]
) -> None:
    """The operator's API refuses in one way, whoever of us says it; with its clients' own words."""
    for line, code in ((LARGE, 413), (UNSIZED, 411)):
        head, _, body = (await gateway.raw(line.format(path).encode())).partition(b"\r\n\r\n")
        assert head.split(b" ")[1] == str(code).encode()
        assert b"Content-Type: application/problem+json" in head
        said = json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])
        assert said.keys() == {"type", "title", "status", "detail", *more}
        assert (said["status"], said["title"]) == (code, HTTPStatus(code).phrase)
        own = {"code": code, "message": said["detail"], "error": said["detail"]}
        assert {name: said[name] for name in more} == {n: own.get(n, v) for n, v in more.items()}
    assert operator.requests == []


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json"])
async def test_a_refused_path(gateway: Gateway, operator: Backend, accept: str) -> None:
    """One below the API is refused as a problem, any other as before."""
    own = await gateway.raw(ENCODED.format("/admin/api/v1/resources/a", accept).encode())
    assert own.split(b" ")[1] == b"400"
    assert b"Content-Type: application/problem+json" in own
    assert b"an encoded character that has no place in a path: %2f" in own
    other = await gateway.raw(ENCODED.format("/elsewhere/a", accept).encode())
    assert b"problem+json" not in other
    assert operator.requests == []


async def test_an_operator_that_is_away_is_a_problem(gateway: Gateway) -> None:
    """Who asks the API while nobody answers is told so as by the API."""
    answer = await gateway.get("/admin/api/v1/status", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["status"]) == (503, 503)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "2"


async def test_a_list_of_routes_may_be_long(gateway: Gateway, operator: Backend) -> None:
    """Two mebibytes of them reach the operator whole, more than four do not."""
    large = b"x" * (2 << 20)
    said = await gateway.client.put("/admin/api/v1/routes/a", content=large)
    assert said.json()["size"] == len(large)
    said = await gateway.client.put("/admin/api/v1/routes/a", content=large * 2 + b"x")
    assert said.status_code == 413


async def test_metrics_for_a_token(gateway: Gateway, operator: Backend) -> None:
    """Who comes from afar with a token is let through to the operator, which looks at it."""
    afar = {"X-Forwarded-For": "10.0.0.1"}
    assert (await gateway.get("/metrics", headers=afar)).status_code == 404
    said = await gateway.echo("/metrics", headers={**afar, "Authorization": "Bearer abc"})
    assert said["headers"]["x-reconciler-client"] == "stranger"


async def test_what_is_not_there_yet_is_closed(gateway: Gateway, operator: Backend) -> None:
    """Reserved paths without a page answer 404."""
    assert {(await gateway.get(path)).status_code for path in CLOSED} == {404}
    assert operator.requests == []


async def test_a_dead_operator_is_unavailable(gateway: Gateway) -> None:
    """Health without an operator is 503."""
    response = await gateway.get("/livez")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
