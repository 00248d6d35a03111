"""Paths of the operator's own, on the public port."""

from __future__ import annotations

import pytest

from .conftest import Backend, Gateway, MakeBackend

pytestmark = pytest.mark.real

CLOSED = ["/admin/routes.json", "/admin/ui/", "/admin/api/v1/plan", "/api/pm/x", "/sync/api/reset"]


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
    for path in ("/health", "/%68ealth", "//livez", "/metrics", *CLOSED):
        line = f"GET {path} HTTP/1.1\r\nHost: h\r\nReferer: x\r\nConnection: close\r\n\r\n"
        assert (await gateway.raw(line.encode())).split(b" ")[1] in {b"200", b"404"}
    assert backend.requests == []
    assert (await gateway.echo("/api/run"))["target"] == "/api/run"


async def test_what_is_not_there_yet_is_closed(gateway: Gateway, operator: Backend) -> None:
    """Reserved paths without a page answer 404."""
    assert {(await gateway.get(path)).status_code for path in CLOSED} == {404}
    assert operator.requests == []


async def test_a_dead_operator_is_unavailable(gateway: Gateway) -> None:
    """Health without an operator is 503."""
    response = await gateway.get("/livez")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
