"""Backends by host name: looked up beside the loop, and followed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

import httpx
import pytest

from reconciler.clients import resolve
from reconciler.clients.names import Address
from reconciler.clients.resolve import Resolver
from reconciler.core.model import Origin, Ref, Resource
from reconciler.core.plan import Plan, Wish, expand
from reconciler.engine.reconcile import reconcile
from reconciler.kinds.gateway import KIND as GATEWAY
from reconciler.kinds.gateway.spec import GatewaySpec
from reconciler.kinds.route import KIND as ROUTE
from reconciler.kinds.route.spec import RouteSpec
from reconciler.testing import eventually_async, free_port
from reconciler.testing.nginx import make_gateway

from .certificates import self_signed
from .conftest import Gateway, MakeBackend, answering

pytestmark = pytest.mark.real

ORIGIN = Origin(PurePath("specs/web.yaml"), 1)
KINDS = {"Gateway": GATEWAY, "Route": ROUTE}


class Names:
    """A name server in memory."""

    def __init__(self) -> None:
        self.answers: dict[str, list[str]] = {}

    async def find(self, host: str, port: int) -> list[Address]:
        if host not in self.answers:
            raise OSError(f"cannot find {host}: name or service not known")
        return [Address(socket.AF_INET, (one, port)) for one in self.answers[host]]


class Stack:
    """An operator's passes over one gateway, made when the bell rings."""

    def __init__(self, gateway: Gateway, rung: asyncio.Event, specs: dict[str, Any]) -> None:
        self.gateway = gateway
        self._rung = rung
        self.specs = specs

    async def look(self) -> Plan:
        resources = []
        for name, spec in self.specs.items():
            kind = GATEWAY if name == "gateway" else ROUTE
            model = GatewaySpec if name == "gateway" else RouteSpec
            resources.append(Resource(Ref(kind.name, name), model.model_validate(spec), ORIGIN))
        wish = Wish(expand(KINDS, resources), revision="r", confirmed=True)
        drivers = {"Gateway": self.gateway.parts.gateway, "Route": self.gateway.parts.routes}
        return (await reconcile(KINDS, wish, drivers)).plan

    async def run(self) -> None:
        while True:
            self._rung.clear()
            plan = await self.look()
            patience = 0.02 if plan.steps or plan.bound else 60
            with suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), patience)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    monkeypatch.setattr(resolve, "EVERY", 0.1)
    monkeypatch.setattr(resolve, "PAUSE", 0.01)
    return Names()


@pytest.fixture
async def stack(stack_dir: Path, names: Names) -> AsyncIterator[Stack]:
    rung = asyncio.Event()
    resolver = Resolver(rung.set, names)
    parts = make_gateway(stack_dir, resolver=resolver)
    port = free_port()
    specs: dict[str, Any] = {"gateway": {"listen": port}}
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            found = Stack(Gateway(parts, port, client), rung, specs)
            await found.look()
            await answering(parts)
            yield found
    finally:
        await resolver.aclose()
        await parts.aclose()


async def test_a_name_is_followed(stack: Stack, names: Names, make_backend: MakeBackend) -> None:
    """A rule and the default backend go where the name is, from the next answer on."""
    here = await make_backend()
    there = await make_backend(host="127.0.0.2", port=here.port)
    stack.specs["db"] = {
        "match": {"pathPrefix": "/db"},
        "proxy": {"backend": f"http://db.test:{here.port}"},
    }
    stack.specs["gateway"] |= {"defaultBackend": f"http://db.test:{here.port}"}
    gateway, loop = stack.gateway, asyncio.create_task(stack.run())
    await eventually_async(lambda: _status(gateway, "/db/1", 503))
    assert (await gateway.get("/")).status_code == 503

    async def told() -> bool:
        seen = (await gateway.parts.routes.observe()).get("db")
        return seen is not None and ROUTE.health(seen).reason == "Unresolved"

    await eventually_async(told)
    names.answers["db.test"] = ["127.0.0.1"]
    await eventually_async(lambda: _status(gateway, "/db/2", 200))
    await gateway.echo("/")
    count = len(here.requests)
    names.answers["db.test"] = ["127.0.0.2"]

    async def moved() -> bool:
        await gateway.echo("/db/3")
        return bool(there.requests)

    await eventually_async(moved)
    del names.answers["db.test"]
    await asyncio.gather(*(gateway.echo("/db/4") for _ in range(20)))
    assert len(here.requests) < count + 20
    plan = await stack.look()
    assert plan.in_sync
    assert plan.bound == ()

    del stack.specs["db"]
    stack.specs["gateway"] = {"listen": gateway.port}
    await stack.look()
    await stack.look()
    _, document = await gateway.parts.table.look()
    assert document.pools == {}
    loop.cancel()


async def _status(gateway: Gateway, path: str, wanted: int) -> bool:
    return (await gateway.get(path)).status_code == wanted


async def test_one_of_its_addresses_is_enough(
    stack: Stack, names: Names, make_backend: MakeBackend
) -> None:
    """The one that refuses is passed over; the host is told by its name, as any other is."""
    there = await make_backend()
    names.answers["db.test"] = ["127.0.0.1", "127.0.0.3"]
    stack.specs["db"] = {"proxy": {"backend": f"http://db.test:{there.port}"}}
    gateway, loop = stack.gateway, asyncio.create_task(stack.run())
    await eventually_async(lambda: _status(gateway, "/", 200))
    answers = await asyncio.gather(*(gateway.client.post("/", content=b"x") for _ in range(20)))
    assert {one.status_code for one in answers} == {200}
    seen = (await gateway.parts.routes.observe())["db"]
    assert [one["address"] for one in seen.vitals["endpoints"]] == [
        f"127.0.0.1:{there.port}",
        f"127.0.0.3:{there.port}",
    ]
    assert ROUTE.health(seen).code.value == "Healthy"
    loop.cancel()


async def test_the_first_request_waits_for_the_name(
    stack: Stack, names: Names, make_backend: MakeBackend
) -> None:
    """A rule is served before its name was looked up: who comes in between is not turned away."""
    there = await make_backend()
    names.answers["db.test"] = ["127.0.0.1"]
    stack.specs["db"] = {"proxy": {"backend": f"http://db.test:{there.port}"}}
    await stack.look()
    asked = asyncio.create_task(stack.gateway.get("/"))
    loop = asyncio.create_task(stack.run())
    assert (await asked).status_code == 200
    loop.cancel()


async def test_a_name_behind_tls_is_verified_by_its_name(
    stack: Stack, names: Names, make_backend: MakeBackend, tmp_path: Path
) -> None:
    """Wherever it is: a certificate for it that nobody vouches for is refused, unless allowed."""
    pair = self_signed(tmp_path, "db.test")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    there = await make_backend(tls=context)
    names.answers["db.test"] = ["127.0.0.1"]
    url = f"https://db.test:{there.port}"
    stack.specs["strict"] = {"proxy": {"backend": url}}
    lax = {"backend": url, "tls": {"verify": False}}
    stack.specs["lax"] = {"match": {"pathPrefix": "/lax"}, "proxy": lax}
    gateway, loop = stack.gateway, asyncio.create_task(stack.run())
    await eventually_async(lambda: _status(gateway, "/lax", 200))
    said = await gateway.echo("/lax")
    assert said["headers"]["host"] == f"db.test:{there.port}"
    assert (await gateway.get("/")).status_code in {502, 503}
    loop.cancel()
