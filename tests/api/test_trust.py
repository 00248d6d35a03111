"""Who may know what: the owner of the socket all, strangers a bare status, web pages nothing."""

from __future__ import annotations

import pytest

from .conftest import Ask, Grant, Operator

PRIVATE = ["/metrics", "/admin/api/v1/plan", "/admin/api/v1/status", "/nowhere", "/health/", "/"]
PRIVATE += ["/health/process", "/health/process/", "/health/process/web/log", "/healthy/a/b"]
RECONCILE = "/admin/api/v1/reconcile"


@pytest.mark.parametrize("path", [*PRIVATE, RECONCILE])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_strangers_find_nothing(ask: Ask, operator: Operator, path: str, method: str) -> None:
    """To a stranger without a token every other path looks the same, there or not."""
    async with ask(X_Reconciler_Client="stranger") as http:
        answer = await http.request(method, path)
    assert answer.status_code == (404 if path == "/metrics" else 401)
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found" if path == "/metrics" else "Unauthorized",
        "status": answer.status_code,
        "detail": "Not Found" if path == "/metrics" else "send a token, or log in",
        "requestId": answer.headers["x-request-id"],
    }
    assert "allow" not in answer.headers
    assert operator.passes == 0


@pytest.mark.parametrize("said", ["", "LOCAL", "local, stranger", "admin"])
async def test_unclear_is_a_stranger(ask: Ask, said: str) -> None:
    """A header that does not say exactly ``local`` makes a stranger."""
    async with ask(X_Reconciler_Client=said) as http:
        assert (await http.get("/metrics")).status_code == 404


async def test_two_headers_are_a_stranger(ask: Ask) -> None:
    """Who managed to send a second header gains nothing by it."""
    headers = [("X-Reconciler-Client", "local"), ("X-Reconciler-Client", "stranger")]
    async with ask() as http:
        assert (await http.get("/metrics", headers=headers)).status_code == 404


async def test_the_socket_is_trusted_by_any_name(ask: Ask) -> None:
    """Over the unix socket without the header it does not matter what Host says."""
    async with ask(Host="operator") as http:
        assert (await http.get("/metrics")).status_code == 200


@pytest.mark.parametrize("host", ["localhost:9090", "127.0.0.1", "127.9.9.9:1", "[::1]:9090"])
@pytest.mark.parametrize("gateway", [True, False])
async def test_this_machine_is_local(ask: Ask, host: str, gateway: bool) -> None:
    """Over the loopback port, or from the gateway's own machine, everything is shown."""
    headers = {"X_Reconciler_Client": "local"} if gateway else {}
    async with ask(None if gateway else "127.0.0.1", Host=host, **headers) as http:
        assert (await http.get("/metrics")).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9090", "127.0.0.1.evil", "[", ""])
@pytest.mark.parametrize("gateway", [True, False])
async def test_a_rebound_name_is_refused(ask: Ask, host: str, gateway: bool) -> None:
    """A foreign page whose name was pointed at this machine learns no more than a stranger."""
    headers = {"X_Reconciler_Client": "local"} if gateway else {}
    async with ask(None if gateway else "127.0.0.1", Host=host, **headers) as http:
        assert (await http.get("/metrics")).status_code == 421
        assert (await http.post(RECONCILE)).status_code == 421
        assert (await http.get("/health")).text == '{"status":"healthy"}'


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:8080"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "http://[", "Sec_Fetch_Site": "same-origin"},
    ],
)
@pytest.mark.parametrize("address", [None, "127.0.0.1"])
async def test_a_foreign_page_starts_nothing(
    ask: Ask, operator: Operator, address: str | None, headers: dict[str, str]
) -> None:
    """A page of another site cannot make a browser of this machine start a pass."""
    async with ask(address, **headers) as http:
        answer = await http.post(RECONCILE)
    assert (answer.status_code, operator.passes) == (403, 0)


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://localhost", "Sec_Fetch_Site": "same-origin"}]
)
async def test_our_own_page_may(
    ask: Ask, operator: Operator, token: Grant, headers: dict[str, str]
) -> None:
    """A tool, or a page served from this very place, may start a pass."""
    async with ask("127.0.0.1", **headers, **token("operate")) as http:
        answer = await http.post(RECONCILE)
    assert (answer.status_code, operator.passes) == (200, 1)


@pytest.mark.parametrize("path", ["/health", "/metrics", "/nowhere"])
async def test_no_cache_keeps_it(ask: Ask, path: str) -> None:
    """No answer, good or bad, is kept by a cache on the way."""
    async with ask() as http:
        assert (await http.get(path)).headers["cache-control"] == "no-store"
