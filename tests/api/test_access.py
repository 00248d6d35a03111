"""Every page wants to know who asks, and lets nobody do more than he may."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from starlette.routing import Route

from reconciler.api.access import Access, open_access
from reconciler.api.app import make_app
from reconciler.api.credentials import Credential, Scope
from reconciler.metrics import Metrics
from reconciler.settings import Settings

from .conftest import Ask, Grant, Operator

OPEN = {"/livez", "/readyz", "/health", "/healthz", "/health/stop/stop", "/metrics"}
OPEN |= {"/admin/api/v1/login"}
STATUS = "/admin/api/v1/status"
RECONCILE = "/admin/api/v1/reconcile"
GATEWAY = {"X-Reconciler-Client": "local", "X-Real-IP": "127.0.0.1"}
STRANGER = {"X-Reconciler-Client": "stranger", "X-Real-IP": "203.0.113.9"}


@pytest.fixture
def app(operator: Operator, access: Access) -> FastAPI:
    return make_app(operator, Metrics(), access)


def pages(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path there is, names filled in; read from the app, not from a list."""
    plain = [(m, one.path) for one in app.routes if isinstance(one, Route) for m in one.methods]
    told = [(m.upper(), path) for path, page in app.openapi()["paths"].items() for m in page]
    filled = [(m, re.sub(r"\{[a-z]+\}", "stop", path)) for m, path in (*plain, *told)]
    return sorted({one for one in filled if one[0] != "HEAD"})


def test_the_table_is_whole(app: FastAPI) -> None:
    """The table below has every route of every router: none is left out of the description."""
    routers = [one.original_router for one in app.routes if hasattr(one, "original_router")]
    plain = [one for one in app.routes if isinstance(one, Route)]
    assert len(pages(app)) == len(plain) + sum(len(one.routes) for one in routers) > 20


@pytest.mark.parametrize("way", [GATEWAY, STRANGER, {}])
@pytest.mark.parametrize("proof", ["nothing", "nonsense", "expired", "revoked", "cookie"])
async def test_nobody_gets_in(
    ask: Ask, app: FastAPI, access: Access, *, way: dict[str, str], proof: str
) -> None:
    """Every page but health answers 401 to who proves nothing, whatever way he came."""
    headers = {**way, **proofs(access)[proof]}
    async with ask(None if way else "127.0.0.1") as http:
        for method, path in pages(app):
            if path not in OPEN:
                answer = await http.request(method, path, headers=headers)
                assert answer.status_code == 401, (method, path)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["www-authenticate"].startswith("Bearer")


def proofs(access: Access) -> dict[str, dict[str, str]]:
    """What does not prove anything."""
    kept = access.credentials
    expired = kept.create(Credential("old", Scope.ADMIN, "", 0.0, expires=1.0))
    revoked = kept.create(Credential("gone", Scope.ADMIN, "", 0.0))
    kept.revoke(lambda one: one.name == "gone")
    return {
        "nothing": {},
        "nonsense": {"Authorization": "Bearer rct_"},
        "expired": {"Authorization": f"Bearer {expired}"},
        "revoked": {"Authorization": f"Bearer {revoked}"},
        "cookie": {"Cookie": f"reconciler_session={expired}"},
    }


async def test_a_reader_writes_nothing(
    ask: Ask, app: FastAPI, operator: Operator, token: Grant
) -> None:
    """With the scope read every write is 403, and nothing has happened."""
    async with ask(**GATEWAY, **token("read")) as http:
        for method, path in pages(app):
            if method != "GET" and path not in OPEN:
                assert (await http.request(method, path)).status_code == 403, (method, path)
        assert (await http.get(STATUS)).status_code == 200
    assert (operator.passes, operator.asked) == (0, {})


async def test_scopes_hold_each_other(ask: Ask, operator: Operator, token: Grant) -> None:
    """Operating includes reading; allowing mass deletions takes an admin."""
    allow = {"confirm": "4f2c1d9"}
    async with ask(**GATEWAY) as http:
        operate, admin = token("operate"), token("admin")
        assert (await http.get(STATUS, headers=operate)).status_code == 200
        assert (await http.post(RECONCILE, headers=operate)).status_code == 200
        refused = await http.post(RECONCILE, json=allow, headers=operate)
        assert (refused.status_code, operator.confirmed) == (403, "")
        assert (await http.post(RECONCILE, json=allow, headers=admin)).status_code == 200
    assert operator.confirmed == "4f2c1d9"


async def test_the_socket_is_the_owner(ask: Ask, operator: Operator) -> None:
    """Who opened the owner's socket may do everything; a gateway on it is not the owner."""
    async with ask() as http:
        assert (await http.post(RECONCILE, json={"confirm": "abc"})).status_code == 200
        assert (await http.post(RECONCILE, headers=GATEWAY)).status_code == 401
    assert operator.passes == 1


@pytest.mark.parametrize("spelling", ["Bearer {}", "bearer  {}", "{}"])
async def test_tokens_as_clients_send_them(ask: Ask, token: Grant, spelling: str) -> None:
    """The scheme may be written in any case, or left out as the original's clients do."""
    secret = token("read")["Authorization"].removeprefix("Bearer ")
    async with ask(**STRANGER) as http:
        said = {"Authorization": spelling.format(secret)}
        assert (await http.get(STATUS, headers=said)).status_code == 200


async def test_a_token_sees_numbers_and_health_from_afar(ask: Ask, token: Grant) -> None:
    """With a token a stranger is none: metrics and health tell him everything."""
    async with ask(**STRANGER, **token("read")) as http:
        assert (await http.get("/metrics")).status_code == 200
        assert "verdict" in (await http.get("/health")).json()


async def test_damaged_tokens_let_nobody_in(ask: Ask, settings: Settings, token: Grant) -> None:
    """A file of tokens that cannot be read lets nobody in, and never a traceback out."""
    headers = token("admin")
    path = settings.durable / "admin.tokens"
    whole = path.read_bytes()
    async with ask(**GATEWAY) as http:
        for broken in (b"", b"{}", b"[]", whole[:-2], b'{"tokens": [{"name": ""}]}'):
            path.write_bytes(broken)
            assert (await http.get(STATUS, headers=headers)).status_code == 401, broken
        path.write_bytes(whole)
        assert (await http.get(STATUS, headers=headers)).status_code == 200


async def test_too_many_requests(operator: Operator, settings: Settings, ask: Ask) -> None:
    """Who asks without end is told when to come back; the owner never is."""
    del ask
    import httpx

    slow = open_access(settings)
    slow.rates.rate, slow.rates.burst = 0.1, 3.0
    app = make_app(operator, Metrics(), slow)
    transport = httpx.ASGITransport(app, client=None)  # type: ignore[arg-type] # as uvicorn does
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        codes = [(await http.get(STATUS, headers=GATEWAY)).status_code for _ in range(4)]
        other = await http.get(STATUS, headers=STRANGER)
        late = await http.get(STATUS, headers=GATEWAY)
        assert {(await http.get(STATUS)).status_code for _ in range(9)} == {200}
    assert codes == [401, 401, 401, 429]
    assert other.status_code == 401
    assert (late.status_code, late.headers["retry-after"]) == (429, "10")


async def test_too_much(ask: Ask) -> None:
    """A body of more than a mebibyte is refused, said beforehand or not, before it is read."""

    async def chunks() -> object:
        for _ in range(40):
            yield b" " * (1 << 16)

    async with ask() as http:
        known = await http.post(RECONCILE, content=b" " * (1 << 20) + b"{}")
        unknown = await http.post(
            RECONCILE,
            content=chunks(),  # type: ignore[arg-type] # an async iterator
            headers={"Content-Type": "application/json"},
        )
    for answer in (known, unknown):
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("host", ["other.example", "bot.example.evil", ""])
async def test_only_our_names(ask: Ask, access: Access, host: str) -> None:
    """With names given, the API answers to these and to this machine's own."""
    access.hosts = frozenset({"bot.example"})
    async with ask(**STRANGER) as http:
        assert (await http.get(STATUS, headers={"Host": host})).status_code == 421
        assert (await http.get(STATUS, headers={"Host": "bot.example:7860"})).status_code == 401
        assert (await http.get("/health", headers={"Host": host})).status_code == 200
        here = {**GATEWAY, "Host": "bot.example"}
        assert (await http.get(STATUS, headers=here)).status_code == 401


async def test_headers_for_browsers(ask: Ask) -> None:
    """Every answer forbids to be framed, guessed at, referred from or embedded."""
    async with ask(**STRANGER) as http:
        for path in ("/health", STATUS, "/nowhere"):
            headers = (await http.get(path)).headers
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cross-origin-resource-policy"] == "same-origin"


async def test_a_clock_set_back_locks_nobody_out(ask: Ask, access: Access) -> None:
    """Throttles go by a clock that only runs forward."""
    async with ask("127.0.0.1") as http:
        codes = [(await http.get(STATUS)).status_code]
        access.now = lambda: 0.0
        codes.append((await http.get(STATUS)).status_code)
    assert codes == [401, 401]
