"""A small change is a small write, wherever it is looked at."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator

import httpx
import pytest

from reconciler.clients.document import parse
from reconciler.clients.table import DropEntry, PutDefault, PutEntry, PutPool
from reconciler.kinds.route.state import Rule, to_wire
from reconciler.testing import eventually_async
from reconciler.testing.nginx import make_gateway

from .conftest import Gateway, answering, rule_of
from .test_match_property import a_request, a_rule, decide

pytestmark = pytest.mark.real

OK = {"respond": {"status": 200, "body": "ok"}}


def saying(text: str, path: str = "/", priority: int = 0) -> dict[str, object]:
    return {
        "priority": priority,
        "match": {"pathPrefix": path},
        "respond": {"status": 200, "body": text},
    }


@pytest.fixture
async def control(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """A hand on the control socket."""
    transport = httpx.AsyncHTTPTransport(uds=str(gateway.parts.place.run / "gateway.sock"))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


async def patch(control: httpx.AsyncClient, version: int, *ops: object) -> httpx.Response:
    """Change the version before this one as a stranger would."""
    etag = (await control.get("/status")).json()["etag"]
    raw = json.dumps({"version": version, "digest": f"d{version}", "ops": ops}).encode()
    return await control.patch("/table", content=raw, headers={"If-Match": f'"{etag}"'})


async def test_a_change_is_one_line_of_the_file(gateway: Gateway) -> None:
    """One route among a thousand: the file grows by that route, and the next start serves it."""
    await gateway.serve(**{f"r{n}": saying(str(n), f"/{n}/") for n in range(1000)})
    file = gateway.parts.place.table
    before = file.read_bytes()
    await gateway.serve(r7=saying("seven", "/7/"))
    after = file.read_bytes()
    assert after.startswith(before + b"\n")
    assert len(after) - len(before) < 300
    assert await gateway.parts.table.kept()
    gateway.parts.runner.kill()
    gateway.parts.runner.launch()
    await answering(gateway.parts)
    assert [(await gateway.get(path)).text for path in ("/7/", "/8/")] == ["seven", "8"]


@pytest.mark.parametrize("tail", [b'\n{"version":3,"dig', b"\n\0\0\0\0", b"\n{}", b"\nnull"])
async def test_a_torn_line_costs_what_it_said(gateway: Gateway, tail: bytes) -> None:
    """What was whole is served, the status says what was not, and the next look mends the file."""
    await gateway.serve(a=saying("a"))
    await gateway.serve(a=saying("A"))
    gateway.parts.runner.kill()
    file = gateway.parts.place.table
    whole = file.read_bytes()
    assert whole.count(b"\n") == 1
    file.write_bytes(whole + tail)
    gateway.parts.runner.launch()
    await answering(gateway.parts)
    assert (await gateway.get("/")).text == "A"
    assert (await gateway.parts.wire.status()).problem.startswith("table.json: ")
    again = make_gateway(gateway.parts.place.state_dir, gateway.parts.runner)
    await again.table.look()
    assert await again.table.kept_default() is None
    assert not await again.table.kept()
    await again.table.keep()
    assert await again.table.kept()
    await again.wire.aclose()


BAD = [
    ({"put": {"name": "bad", "respond": {"status": 1}}}, "bad: respond.status"),
    ({"put": {"respond": {"status": 200}}}, "every rule needs a name"),
    ({"put": "x"}, "put needs a rule"),
    ({"drop": 7}, "drop needs the name"),
    ({"default": "nowhere"}, "default_backend must be"),
    ({"pool": "p", "endpoints": [{"address": "x"}]}, "p: the address of an endpoint"),
    ({"pool": "p", "endpoints": 7}, "p: the endpoints of a pool must be an array"),
    ({"pool": "", "endpoints": None}, "a pool needs a name"),
    ({"colour": "red"}, "an op is one of"),
    ({"drop": "a", "default": None}, "an op is one of"),
    ({}, "an op is one of"),
    (7, "an op is one of"),
]


async def test_a_bad_change_is_named_and_none_of_it_is_done(
    control: httpx.AsyncClient, gateway: Gateway
) -> None:
    """What stands beside it is not done either."""
    await gateway.serve(a=OK)
    for op, says in BAD:
        response = await patch(control, 2, {"drop": "a"}, op)
        assert response.status_code == 422, op
        said = response.json()
        text = f"{said['rule']}: {said['error']}" if "rule" in said else said["error"]
        assert text.startswith(says)
    assert (await gateway.get("/")).text == "ok"
    assert (await gateway.parts.wire.status()).version == 1


async def test_a_change_names_what_it_changes(gateway: Gateway, control: httpx.AsyncClient) -> None:
    """Without, or with the wrong, name of the table in use nothing is changed."""
    await gateway.serve(a=OK)
    drop = {"drop": "a"}
    raw = json.dumps({"version": 2, "digest": "x", "ops": [drop]}).encode()
    assert (await control.patch("/table", content=raw)).status_code == 428
    wrong = {"If-Match": '"1-x"'}
    assert (await control.patch("/table", content=raw, headers=wrong)).status_code == 412
    assert (await patch(control, 3, drop)).status_code == 409
    assert (await gateway.get("/")).text == "ok"
    assert (await patch(control, 2, drop)).status_code == 204
    assert (await gateway.get("/")).status_code == 404


async def test_what_another_hand_changed_is_seen(
    gateway: Gateway, control: httpx.AsyncClient
) -> None:
    """A change of the operator's goes on from there."""
    await gateway.serve(a=OK)
    theirs = {"name": "theirs", "priority": 1, "respond": {"status": 201}}
    theirs["match"] = {"pathEqual": "/t"}
    assert (await patch(control, 2, {"put": theirs}, {"default": None})).status_code == 204
    await gateway.serve(b=saying("b", "/b"))
    assert (await gateway.get("/t")).status_code == 201
    seen = await gateway.parts.routes.observe()
    assert {name: one.owned for name, one in seen.items()} == {
        "a": True,
        "b": True,
        "theirs": False,
    }
    assert await gateway.parts.table.kept()


async def test_pools_come_and_go(gateway: Gateway, control: httpx.AsyncClient) -> None:
    """Where requests go is in the same table, and of the same version."""
    change = gateway.parts.table.change
    endpoints = [{"address": "127.0.0.1:8001", "name": "web-0"}, {"address": "unix:/run/web.sock"}]
    await asyncio.gather(
        change(PutPool("process/web/http", endpoints)),
        change(PutPool("host/db:80", [{"address": "[::1]:80"}])),
        change(PutPool("process/none/http", [])),
    )
    assert (await control.get("/table")).json()["pools"] == {
        "process/web/http": endpoints,
        "host/db:80": [{"address": "[::1]:80"}],
        "process/none/http": [],
    }
    version = (await gateway.parts.wire.status()).version
    await change(PutPool("process/web/http", endpoints))
    assert (await gateway.parts.wire.status()).version == version
    await change(PutPool("process/web/http", None))
    assert (await control.get("/table")).json()["pools"].keys() == {
        "host/db:80",
        "process/none/http",
    }


async def test_a_change_that_does_not_fit_changes_nothing(
    gateway: Gateway, control: httpx.AsyncClient
) -> None:
    """Out of memory: the old table is served, and the writer is told."""
    await gateway.serve(a=OK)
    huge = {"name": "huge", "respond": {"status": 200, "body": "x" * 17_000_000}}
    response = await patch(control, 2, {"put": huge})
    assert response.status_code == 507
    assert "no memory" in response.json()["error"]
    assert (await gateway.get("/")).text == "ok"
    await gateway.serve(a=saying("next"))
    assert (await gateway.get("/")).text == "next"


async def test_a_long_log_becomes_a_document(gateway: Gateway, control: httpx.AsyncClient) -> None:
    """Hundreds of changes: a new worker reads one document, which says what they came to."""
    await gateway.serve(default="http://127.0.0.1:1", keep=OK)
    for n in range(300):
        edit = PutEntry(f"r{n % 7}", to_wire(rule_of(saying(str(n), f"/{n % 7}/", 1))))
        await gateway.parts.table.change(edit if n % 10 else DropEntry(edit.name))
    held = (await gateway.parts.table.look())[1]

    async def short() -> bool:
        return (await control.get("/status")).json()["log"] < 100

    await eventually_async(short)
    response = await control.get("/table")
    served = parse(response.content, response.headers["ETag"].strip('"'))
    assert served == held
    status = await gateway.parts.wire.status()
    os.kill(status.workers["1"].pid, signal.SIGKILL)

    async def replaced() -> bool:
        worker = (await gateway.parts.wire.status()).workers["1"]
        return worker.pid != status.workers["1"].pid and worker.version == status.version

    await eventually_async(replaced)
    assert (await gateway.parts.wire.status()).etag == status.etag


async def test_many_changes_decide_as_one_table_would(gateway: Gateway) -> None:
    """Rules that come and go one by one leave no trace: the Python twin decides the same."""
    dice = random.Random(7)
    rules: dict[str, Rule] = {}
    requests = [a_request(dice) for _ in range(100)]
    question = {"requests": [request._asdict() for request in requests]}
    for step in range(200):
        name = f"r{dice.randrange(12)}"
        if dice.random() < 0.3:
            rules.pop(name, None)
            await gateway.parts.table.change(DropEntry(name))
        else:
            rules[name] = a_rule(dice)
            await gateway.parts.table.change(PutEntry(name, to_wire(rules[name])))
        if step % 10 == 0:
            said = await gateway.parts.wire.match(question)
            assert [one.get("rule", "refused") for one in said] == decide(rules, requests)


async def test_the_default_comes_and_goes(gateway: Gateway) -> None:
    """It is a change like any other."""
    await gateway.serve(a=saying("a", "/a"))
    await gateway.parts.table.change(PutDefault("http://127.0.0.1:1"))
    assert (await gateway.get("/")).status_code == 503
    await gateway.parts.table.change(PutDefault(None))
    assert (await gateway.get("/")).status_code == 404
