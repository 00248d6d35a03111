"""Who may know what: the owner of the socket all, strangers a bare status, web pages nothing."""

from __future__ import annotations

import pytest

from reconciler.api.access import Access

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
    proof = "send a token, or log in" if path.startswith("/admin/api/") else "send a token"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found" if path == "/metrics" else "Unauthorized",
        "status": answer.status_code,
        "detail": "Not Found" if path == "/metrics" else proof,
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


@pytest.mark.parametrize("path", ["/api/pm/list", "/sync/api/status", "/api/sync-progress"])
async def test_no_session_is_promised_where_none_comes(ask: Ask, path: str) -> None:
    """The cookie stays with the API's own pages: elsewhere nobody is told to log in."""
    async with ask(X_Reconciler_Client="stranger") as http:
        said = (await http.get(path)).json()
        rules = (await http.get("/admin/routes.json")).json()
    assert said["detail"] == "send a token"
    assert rules["detail"] == "send a token, or the password as X-Admin-Password"


async def test_who_is_misnamed_hears_what_would_do(ask: Ask, access: Access) -> None:
    """What is advised is true here, and does not tell a stranger the names."""
    async with ask("127.0.0.1", Host="other.example") as http:
        open_to_all = (await http.get("/admin/api/v1/status")).json()["detail"]
        numbers = (await http.get("/metrics")).json()["detail"]
        access.hosts = frozenset({"good.example"})
        named = (await http.get("/admin/api/v1/status")).json()["detail"]
        found = await http.get("/admin/api/v1/status", headers={"Host": "good.example"})
    own = "localhost, 127.0.0.1 or [::1]"
    assert open_to_all == f"ask for {own}, or put this name into RECONCILER_API_HOSTS"
    assert numbers == f"without a token ask for {own}"
    assert named == (
        f"ask for a name in RECONCILER_API_HOSTS, or on this stack's own machine for {own}: "
        "other names are refused"
    )
    assert found.status_code == 401


GETS = ["/status", "/resources/Process/web-0", "/events", "/openapi.json", "/nowhere"]
PAGES = [f"/admin/api/v1{one}" for one in GETS] + ["/api/pm/list", "/livez", "/metrics"]


@pytest.mark.parametrize("scope", ["read", ""])
@pytest.mark.parametrize("path", PAGES)
async def test_head_is_get_without_a_body(ask: Ask, token: Grant, path: str, scope: str) -> None:
    """The same code and headers, for who may and for who may not; only nothing is said."""
    headers = token(scope) if scope else {}
    async with ask(X_Reconciler_Client="stranger", **headers) as http:
        told, head = await http.get(path), await http.head(path)
        tag = told.headers.get("etag")
        again = await http.head(path, headers={"If-None-Match": tag} if tag else {})
    assert told.content
    assert (head.status_code, head.content) == (told.status_code, b"")
    for one in ("x-request-id", "content-length") if path == "/metrics" else ("x-request-id",):
        told.headers.pop(one), head.headers.pop(one)
    assert head.headers == told.headers
    assert again.status_code == (304 if tag else told.status_code)


async def test_head_asks_for_nothing_more(ask: Ask, operator: Operator) -> None:
    """Where there is only POST there is no HEAD; nothing is done by it."""
    async with ask() as http:
        answer = await http.head(RECONCILE)
    assert (answer.status_code, answer.headers["allow"], operator.passes) == (405, "POST", 0)
