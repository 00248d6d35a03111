"""One suite for every driver of gateways and routes: the fakes and the real nginx."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path, PurePath
from typing import Any, Protocol

import httpx
import pytest

from reconciler.clients.gateway import GatewayWire
from reconciler.clients.nginx import SupervisedRunner, find_nginx
from reconciler.clients.supervisord import Supervisord
from reconciler.clients.table import Table
from reconciler.core.errors import Waiting
from reconciler.core.model import Observed, Origin, Ref, Resource
from reconciler.core.plan import Plan, Wish, expand, make_plan
from reconciler.engine.reconcile import apply, observe, reconcile
from reconciler.kinds.gateway import KIND as GATEWAY
from reconciler.kinds.gateway.driver import GatewayDriver
from reconciler.kinds.gateway.files import Place
from reconciler.kinds.gateway.spec import GatewaySpec
from reconciler.kinds.route import KIND as ROUTE
from reconciler.kinds.route.driver import RouteDriver
from reconciler.kinds.route.match import Request, winner
from reconciler.kinds.route.spec import RouteSpec
from reconciler.kinds.route.state import Rule
from reconciler.testing import eventually_async, free_port
from reconciler.testing.gateway import FakeGatewayDriver, FakeRouteDriver, GatewayWorld
from reconciler.testing.nginx import LocalGateway, make_gateway
from reconciler.testing.process import running_stack

KINDS = {"Gateway": GATEWAY, "Route": ROUTE}
DEAD = "http://127.0.0.1:1"
Served = dict[str, int | str | None]


class World(Protocol):
    """What a test may do to, and see of, a gateway without asking a driver."""

    def drivers(self) -> dict[str, Any]: ...
    async def ask(self, port: int, path: str) -> str | int | None: ...
    async def crash(self) -> None: ...
    async def add_foreign(self, name: str, path: str) -> None: ...
    async def edit_kept(self, name: str, text: str) -> None: ...


class Fake:
    """The gateway in memory."""

    def __init__(self) -> None:
        self.world = GatewayWorld()

    def drivers(self) -> dict[str, Any]:
        return {"Gateway": FakeGatewayDriver(self.world), "Route": FakeRouteDriver(self.world)}

    async def ask(self, port: int, path: str) -> str | int | None:
        listener = self.world.listener
        if listener is None or not self.world.running or listener.listen != port:
            return None
        rules = {name: rule for name, (rule, _) in self.world.rules.items()}
        name = winner(rules, Request(path))
        if name is None:
            return 503 if listener.default_backend else 404
        respond = rules[name].respond
        return respond.body if respond else None

    async def crash(self) -> None:
        """Supervisord starts it again at once."""

    async def add_foreign(self, name: str, path: str) -> None:
        self.world.rules[name] = (rule_of(name, path), False)

    async def edit_kept(self, name: str, text: str) -> None:
        rule, owned = self.world.rules[name]
        respond = rule.respond and rule.respond.model_copy(update={"body": text})
        self.world.rules[name] = (rule.model_copy(update={"respond": respond}), owned)


class Real:
    """A real nginx, started from its start record."""

    def __init__(self, state_dir: Path) -> None:
        self.first = make_gateway(state_dir)
        self.opened: list[LocalGateway] = [self.first]

    def drivers(self) -> dict[str, Any]:
        parts = make_gateway(self.first.place.state_dir, self.first.runner)
        self.opened.append(parts)
        return {"Gateway": parts.gateway, "Route": parts.routes}

    async def ask(self, port: int, path: str) -> str | int | None:
        return await fetch(port, path)

    async def crash(self) -> None:
        self.first.runner.kill()
        self.first.runner.launch()

    async def add_foreign(self, name: str, path: str) -> None:
        await write_foreign(self.first.wire, name, path)

    async def edit_kept(self, name: str, text: str) -> None:
        self.first.runner.kill()
        edit_file(self.first.place.table, name, text)
        self.first.runner.launch()

    async def aclose(self) -> None:
        for parts in self.opened:
            await parts.aclose()


class Supervised:
    """A real nginx under a real supervisord."""

    def __init__(self, state_dir: Path) -> None:
        self.place = Place(state_dir)
        self.closing: list[Any] = []

    def drivers(self) -> dict[str, Any]:
        rpc = Supervisord(self.place.run / "supervisor.sock")
        wire = GatewayWire(self.place.run / "gateway.sock")
        self.closing += [rpc, wire]
        table, runner = Table(wire, self.place.table), SupervisedRunner(rpc)
        gateway = GatewayDriver(self.place, table, runner, find_nginx)
        edition = gateway.folder.edition
        return {
            "Gateway": gateway,
            "Route": RouteDriver(table, runner, self.place.prefix, edition=edition),
        }

    async def ask(self, port: int, path: str) -> str | int | None:
        return await fetch(port, path)

    async def crash(self) -> None:
        pid = int((self.place.run / "gateway.pid").read_text())
        os.kill(pid, signal.SIGKILL)

    async def add_foreign(self, name: str, path: str) -> None:
        wire = GatewayWire(self.place.run / "gateway.sock")
        self.closing.append(wire)
        await write_foreign(wire, name, path)

    async def edit_kept(self, name: str, text: str) -> None:
        edit_file(self.place.table, name, text)
        await self.crash()

    async def aclose(self) -> None:
        for each in self.closing:
            await each.aclose()


async def fetch(port: int, path: str) -> str | int | None:
    """What a client gets: the text, the status of an error, or None when nobody listens."""
    try:
        async with httpx.AsyncClient() as client:
            response = await client.get(f"http://127.0.0.1:{port}{path}")
    except httpx.TransportError:
        return None
    return response.text if response.is_success else response.status_code


async def write_foreign(wire: GatewayWire, name: str, path: str) -> None:
    """Add a rule by hand, as with curl."""
    etag, raw = await wire.table() or ("0-", b'{"rules":[]}')
    said = json.loads(raw)
    respond = {"status": 200, "body": name}
    said["rules"].append({"name": name, "match": {"pathEqual": path}, "respond": respond})
    said["version"], said["digest"] = int(etag.split("-")[0]) + 1, "hand"
    await wire.put(json.dumps(said).encode(), expected=etag)


def edit_file(path: Path, name: str, text: str) -> None:
    """Change what a rule answers, and nothing that would show it."""
    body = b'"body":"%s"'
    before = path.read_bytes()
    path.write_bytes(before.replace(body % name.encode(), body % text.encode()))
    assert path.read_bytes() != before


def rule_of(text: str, path: str) -> Rule:
    return Rule.model_validate(
        {"match": {"pathEqual": path}, "respond": {"status": 200, "body": text}}
    )


@pytest.fixture(
    params=[
        "fake",
        pytest.param("real", marks=pytest.mark.real),
        pytest.param("supervised", marks=pytest.mark.real),
    ]
)
async def world(request: pytest.FixtureRequest, stack_dir: Path) -> AsyncIterator[World]:
    """A stack without a gateway."""
    if request.param == "fake":
        yield Fake()
    elif request.param == "real":
        real = Real(stack_dir)
        yield real
        await real.aclose()
    else:
        with running_stack(stack_dir):
            supervised = Supervised(stack_dir)
            yield supervised
            await supervised.aclose()


def resource(kind: str, name: str, spec: GatewaySpec | RouteSpec) -> Resource[Any]:
    return Resource(Ref(kind, name), spec, Origin(PurePath("specs/test.yaml"), 1))


def gateway(port: int, name: str = "gateway", **spec: Any) -> Resource[Any]:
    return resource("Gateway", name, GatewaySpec.model_validate({"listen": port, **spec}))


def route(name: str, path: str, text: str | None = None) -> Resource[Any]:
    """A route that answers with its name, or ``text``."""
    given = {"match": {"pathEqual": path}, "respond": {"status": 200, "body": text or name}}
    return resource("Route", name, RouteSpec.model_validate(given))


def wish(*resources: Resource[Any]) -> Wish:
    return Wish(expand(KINDS, resources), "r1", confirmed=True)


async def converge(drivers: Mapping[str, Any], wanted: Wish, *, meanwhile: str = "") -> int:
    """Pass after pass until one has nothing to do; how many steps that took."""
    steps, passing = 0, {"GatewayDown", meanwhile}
    for _ in range(300):
        outcome = await reconcile(KINDS, wanted, drivers)
        steps += len(outcome.plan.steps)
        for ref, failure in outcome.failures.items():
            assert isinstance(failure, Waiting) or failure.reason in passing, (ref, failure)
        if outcome.plan.in_sync and healthy(outcome.world):
            return steps
        await asyncio.sleep(0.02)
    raise AssertionError(f"never in sync: {outcome}")


def healthy(world: Mapping[str, Any]) -> bool:
    """Whether everything seen is served by every worker."""
    seen: list[tuple[str, Observed[Any]]] = [
        (kind, live) for kind, things in world.items() for live in things.values()
    ]
    return all(KINDS[kind].health(live).code == "Healthy" for kind, live in seen)


async def plan_of(world: World, wanted: Wish) -> Plan:
    return make_plan(KINDS, wanted, await observe(world.drivers()))


async def test_routes_are_served_and_changed(world: World) -> None:
    """Created, changed and deleted routes are what a client gets; a second apply does nothing."""
    port = free_port()
    first = wish(gateway(port), route("a", "/a"), route("b", "/b"))
    assert await converge(world.drivers(), first)
    assert [await world.ask(port, path) for path in ("/a", "/b", "/c")] == ["a", "b", 404]
    plan = await plan_of(world, first)
    assert plan.in_sync
    assert plan.steps == plan.due == ()

    second = wish(gateway(port, defaultBackend=DEAD), route("a", "/a", "A"), route("c", "/c"))
    await converge(world.drivers(), second)
    answers = [await world.ask(port, path) for path in ("/a", "/b", "/c")]
    assert answers == ["A", 503, "c"]
    plan = await plan_of(world, second)
    assert plan.steps == plan.due == ()


async def test_the_listener_moves(world: World) -> None:
    """A new port is opened, the old one closed, and the routes are still there."""
    old, new = free_port(), free_port()
    await converge(world.drivers(), wish(gateway(old), route("a", "/a")))
    await converge(world.drivers(), wish(gateway(new), route("a", "/a")))
    assert await world.ask(new, "/a") == "a"

    async def closed() -> bool:
        return await world.ask(old, "/a") is None

    await eventually_async(closed)


async def test_a_crash_heals(world: World) -> None:
    """A killed gateway comes back with its routes, without anybody's help or with it."""
    port = free_port()
    wanted = wish(gateway(port, defaultBackend=DEAD), route("a", "/a"))
    await converge(world.drivers(), wanted)
    await world.crash()
    # Who is killed has its port for a moment longer than any file of its own to be known by.
    await converge(world.drivers(), wanted, meanwhile="PortBusy")

    async def serves() -> bool:
        return [await world.ask(port, path) for path in ("/a", "/b")] == ["a", 503]

    await eventually_async(serves)


async def test_what_is_not_ours_is_kept(world: World) -> None:
    """A rule somebody else wrote is seen as foreign, and outlives ours."""
    port = free_port()
    await converge(world.drivers(), wish(gateway(port), route("a", "/a")))
    await world.add_foreign("theirs", "/t")
    await converge(world.drivers(), wish(gateway(port), route("b", "/b")))
    assert [await world.ask(port, path) for path in ("/t", "/a", "/b")] == ["theirs", 404, "b"]
    seen = await world.drivers()["Route"].observe()
    assert {name: one.owned for name, one in seen.items()} == {"theirs": False, "b": True}


async def test_a_table_edited_on_the_disk_is_healed(world: World) -> None:
    """The gateway starts with what a hand has written under the old name; the drift is seen."""
    port = free_port()
    wanted = wish(gateway(port), route("a", "/a"), route("b", "/b"))
    drivers = world.drivers()
    await converge(drivers, wanted)
    await world.edit_kept("a", "hacked")

    async def edited() -> bool:
        return await world.ask(port, "/a") == "hacked"

    await eventually_async(edited)
    assert await converge(drivers, wanted)
    assert [await world.ask(port, path) for path in ("/a", "/b")] == ["a", "b"]
    plan = await plan_of(world, wanted)
    assert plan.steps == plan.due == ()


async def test_without_a_gateway_nothing_is_left(world: World) -> None:
    """Deleting the gateway and its routes closes the port and forgets the table."""
    port = free_port()
    await converge(world.drivers(), wish(gateway(port), route("a", "/a")))
    await converge(world.drivers(), wish())
    assert await world.ask(port, "/a") is None
    drivers = world.drivers()
    assert [await drivers[kind].observe() for kind in KINDS] == [{}, {}]


async def test_another_name_is_the_same_gateway(world: World) -> None:
    """A renamed Gateway takes over; the name of the old one ends nothing."""
    port = free_port()
    await converge(world.drivers(), wish(gateway(port), route("a", "/a")))
    await converge(world.drivers(), wish(gateway(port, "front"), route("a", "/a")))
    assert await world.ask(port, "/a") == "a"
    assert (await world.drivers()["Gateway"].observe()).keys() == {"front"}


@pytest.mark.parametrize("change", ["create", "update", "delete"])
async def test_killed_after_each_action_it_converges(world: World, change: str) -> None:
    """Whatever was done before the operator died, the next one brings the world in order."""
    port, other = free_port(), free_port()
    some = wish(gateway(port, defaultBackend=DEAD), route("a", "/a"), route("b", "/b"))
    more = wish(gateway(other), route("a", "/a", "A"), route("c", "/c"))
    before, after = {
        "create": (wish(), some),
        "update": (some, more),
        "delete": (some, wish()),
    }[change]
    await converge(world.drivers(), before)
    count = len((await plan_of(world, after)).steps)
    assert count
    for done in range(count + 1):
        await converge(world.drivers(), before)
        await _killed_after(world, after, done)
        await converge(world.drivers(), after)
    here = other if change == "update" else port
    expected = {"create": ["a", "b", 503], "update": ["A", 404, "c"], "delete": [None] * 3}
    assert [await world.ask(here, path) for path in ("/a", "/b", "/c")] == expected[change]


class Died(BaseException):
    """The operator is gone."""


async def _killed_after(world: World, wanted: Wish, count: int) -> None:
    """Make a pass that ends after so many actions, as if the process had been killed there."""
    left = count

    class Mortal:
        def __init__(self, driver: Any) -> None:
            self.driver = driver

        async def observe(self) -> Any:
            return await self.driver.observe()

        async def apply(self, action: Any) -> None:
            nonlocal left
            if left == 0:
                raise Died
            left -= 1
            await self.driver.apply(action)

    drivers = {kind: Mortal(driver) for kind, driver in world.drivers().items()}
    seen = await observe(drivers)
    with contextlib.suppress(Died, BaseExceptionGroup):
        await apply(make_plan(KINDS, wanted, seen), seen, drivers)
