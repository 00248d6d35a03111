"""The table goes in whole or not at all, and survives."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from reconciler.clients.document import parse
from reconciler.testing import eventually_async

from .conftest import Gateway, answering, rule_of

pytestmark = pytest.mark.real

OK = {"respond": {"status": 200, "body": "ok"}}


@pytest.fixture
async def control(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """A hand on the control socket."""
    transport = httpx.AsyncHTTPTransport(uds=str(gateway.parts.place.run / "gateway.sock"))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


def document(version: int, *rules: object, **more: object) -> bytes:
    content = {"version": version, "digest": f"d{version}", "rules": list(rules), **more}
    return json.dumps(content).encode()


async def put(control: httpx.AsyncClient, raw: bytes, expected: str = "0-") -> httpx.Response:
    return await control.put("/table", content=raw, headers={"If-Match": f'"{expected}"'})


def with_header(name: str, value: str) -> dict[str, object]:
    headers = [{"name": name, "value": value}]
    return {"respond": None, "proxy": {"backend": "http://1.1.1.1:1", "setHeaders": headers}}


async def test_a_write_names_what_it_replaces(gateway: Gateway, control: httpx.AsyncClient) -> None:
    """Without, or with the wrong, name of the table in use nothing is written."""
    rule = {"name": "a", **OK}
    assert (await control.put("/table", content=document(1, rule))).status_code == 428
    assert (await put(control, document(1, rule), "3-x")).status_code == 412
    assert (await put(control, document(2, rule))).status_code == 409
    assert (await put(control, document(1, rule))).status_code == 204
    assert (await put(control, document(2, rule))).status_code == 412
    assert (await control.get("/table")).content == document(1, rule)
    assert (await control.get("/table")).headers["ETag"] == '"1-d1"'


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"respond": None}, "exactly one of"),
        ({"redirect": {"to": "/x"}}, "exactly one of"),
        ({"colour": "red"}, "unknown field in rule: colour"),
        ({"match": {"pathPrefix": "x"}}, "match.pathPrefix: a path begins with /"),
        ({"match": {"pathEqual": "/a/../b"}}, "match.pathEqual: a segment"),
        ({"match": {"methods": "GET"}}, "match.methods must be a table"),
        ({"respond": None, "proxy": {"backend": "http://example.com:80/x"}}, "proxy.backend"),
        ({"respond": None, "redirect": {"to": "javascript:x"}}, "not a path or a URL"),
        ({"respond": {"status": 99}}, "respond.status"),
        (with_header("A", "\r\n"), "a value is one line"),
        (with_header("host", "x"), "host is written by the gateway"),
        (with_header("x-forwarded-for", "x"), "x-forwarded-for is written by the gateway"),
        (with_header("a b", "x"), "not a header name"),
    ],
)
async def test_a_bad_rule_is_named(
    gateway: Gateway, control: httpx.AsyncClient, change: dict[str, object], says: str
) -> None:
    """One bad rule refuses the table, by name and reason, and the old one stays."""
    rule = {"name": "bad", **OK, **change}
    response = await put(control, document(1, {"name": "good", **OK}, rule))
    assert response.status_code == 422
    assert response.json()["rule"] == "bad"
    assert says in response.json()["error"]
    assert (await control.get("/table")).status_code == 404


async def test_what_is_no_table_is_refused(gateway: Gateway, control: httpx.AsyncClient) -> None:
    """Bytes that are no JSON, and JSON that is no table."""
    assert (await put(control, b"{")).status_code == 400
    assert (await put(control, b"[]")).status_code == 422
    assert (await put(control, document(1, default_backend="x"))).status_code == 422
    twice = (await put(control, document(1, {"name": "a", **OK}, {"name": "a", **OK}))).json()
    code = twice.pop("code")
    assert twice == {"error": "two rules have this name", "rule": "a"}
    assert code == (await gateway.parts.wire.status()).code  # which Lua says so


@pytest.mark.parametrize("size", [24 * 1024, 2 * 1024 * 1024 + 1])
async def test_large_tables_arrive(gateway: Gateway, size: int) -> None:
    """Tables beyond every buffer are served, and come back as they went in."""
    body = "x" * 1000
    count = size // 1000 + 1
    specs = {
        f"r{n}": {"match": {"pathEqual": f"/{n}"}, "respond": {"status": 200, "body": body}}
        for n in range(count)
    }
    await gateway.serve(**specs)
    _, raw = await gateway.parts.wire.table()
    assert len(raw) > size
    assert parse(raw) == parse(gateway.parts.place.table.read_bytes())
    assert (await gateway.get(f"/{count - 1}")).text == body


async def test_a_table_that_does_not_fit_changes_nothing(
    gateway: Gateway, control: httpx.AsyncClient
) -> None:
    """Out of memory: the old table is served, and the writer is told."""
    await gateway.serve(a=OK)
    etag = (await control.get("/table")).headers["ETag"].strip('"')
    huge = {"name": "huge", "respond": {"status": 200, "body": "x" * 17_000_000}}
    response = await put(control, document(2, huge), etag)
    assert response.status_code == 507
    assert "no memory" in response.json()["error"]
    assert (await gateway.get("/")).text == "ok"
    await gateway.serve(b={"priority": 1, "respond": {"status": 200, "body": "b"}})
    assert (await gateway.get("/b")).text == "b"


async def test_every_worker_reports_what_it_serves(gateway: Gateway) -> None:
    """Both workers take a new version over without a request that would tell them."""
    await gateway.serve(a=OK)
    await gateway.settled()
    status = await gateway.parts.wire.status()
    assert {name: worker.version for name, worker in status.workers.items()} == {"0": 1, "1": 1}
    assert len({worker.pid for worker in status.workers.values()}) == 2


async def test_a_restart_serves_the_last_table(gateway: Gateway) -> None:
    """After kill -9 of the master: no orphan keeps the port, and nothing is lost."""
    await gateway.serve(a=OK)
    before = await gateway.parts.wire.status()
    gateway.parts.runner.kill()
    gateway.parts.runner.launch()
    await answering(gateway.parts)
    after = await gateway.parts.wire.status()
    assert after.etag == before.etag
    old = {worker.pid for worker in before.workers.values()}

    async def alone() -> bool:
        status = await gateway.parts.wire.status()
        return not old & {worker.pid for worker in status.workers.values()}

    await eventually_async(alone)
    assert (await gateway.get("/")).text == "ok"


@pytest.mark.parametrize("content", [b"", b"{", b'{"version":1}', b"\0" * 100, b"[]"])
async def test_a_torn_table_is_an_empty_one(gateway: Gateway, content: bytes) -> None:
    """A damaged file neither opens anything nor stops the gateway; the status says so."""
    await gateway.serve(a=OK)
    gateway.parts.runner.kill()
    gateway.parts.place.table.write_bytes(content)
    gateway.parts.runner.launch()
    await answering(gateway.parts)
    assert (await gateway.get("/")).status_code == 404
    assert (await gateway.parts.wire.status()).problem.startswith("table.json: ")
    await gateway.serve(b=OK)
    assert (await gateway.get("/")).text == "ok"
    assert (await gateway.parts.wire.status()).problem is None


async def test_a_rule_added_by_hand_is_kept(gateway: Gateway, control: httpx.AsyncClient) -> None:
    """What is not ours stays in the table, in its own words."""
    foreign = {
        "name": "theirs",
        "priority": 1,
        "match": {"pathEqual": "/t"},
        "respond": {"status": 201},
    }
    await put(control, document(1, foreign))
    await gateway.serve(ours=OK)
    assert (await gateway.get("/t")).status_code == 201
    seen = await gateway.parts.routes.observe()
    assert {name: one.owned for name, one in seen.items()} == {"theirs": False, "ours": True}
    assert seen["ours"].state == rule_of(OK)
