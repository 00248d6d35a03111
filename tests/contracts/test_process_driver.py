"""One suite for every driver of processes: the fake and the real one."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any, NamedTuple, Protocol

import pytest

from reconciler.clients.supervisord import Supervisord
from reconciler.core.errors import Waiting
from reconciler.core.model import Origin, Plan, Ref, Resource
from reconciler.core.plan import Wish, expand, make_plan
from reconciler.engine.reconcile import Outcome, observe, reconcile
from reconciler.kinds.process import KIND
from reconciler.kinds.process.driver import ProcessDriver
from reconciler.kinds.process.layout import Layout
from reconciler.kinds.process.spec import ProcessSpec
from reconciler.testing import eventually_async
from reconciler.testing.process import FakeProcessDriver, FakeWorld, running_stack

KINDS = {"Process": KIND}


class Alive(NamedTuple):
    """One running process: which incarnation, and what it was given."""

    incarnation: int
    argv: tuple[str, ...]
    env: Mapping[str, str]


class World(Protocol):
    """What a test may do to, and see of, a world of processes without asking the driver."""

    def driver(self) -> Any: ...
    async def alive(self) -> dict[str, Alive]: ...
    async def stop_by_hand(self, name: str) -> None: ...
    async def crash(self, name: str) -> None: ...
    async def add_foreign(self, name: str) -> None: ...
    def traces(self) -> set[str]: ...


class Fake:
    """The fake world."""

    def __init__(self) -> None:
        self.world = FakeWorld()

    def driver(self) -> FakeProcessDriver:
        return FakeProcessDriver(self.world)

    async def alive(self) -> dict[str, Alive]:
        found = {}
        for name, program in self.world.loaded.items():
            if program.pid:
                run = self.world.runs.get(name)
                env = (
                    {k: v for k, v in run.program.env.items() if isinstance(v, str)} if run else {}
                )
                found[name] = Alive(program.pid, run.program.argv if run else (), env)
        return found

    async def stop_by_hand(self, name: str) -> None:
        self.world.stop(name)

    async def crash(self, name: str) -> None:
        self.world.crash(name)

    async def add_foreign(self, name: str) -> None:
        from reconciler.testing.process import FakeProgram

        self.world.loaded[name] = FakeProgram("foreign")
        self.world.loaded[name].pid = next(self.world.pids)

    def traces(self) -> set[str]:
        world = self.world
        return {*world.records, *world.sections, *world.runs, *world.loaded}


class Real:
    """A real supervisord under its real parent."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.rpc = Supervisord(state_dir / "run" / "supervisor.sock")
        self._opened = [self.rpc]

    def driver(self) -> ProcessDriver:
        rpc = Supervisord(self.state_dir / "run" / "supervisor.sock")
        self._opened.append(rpc)
        return ProcessDriver(rpc, Layout(self.state_dir))

    async def alive(self) -> dict[str, Alive]:
        found = {}
        for info in await self.rpc.processes():
            if info["pid"] and info["name"] != "events":
                with suppress(FileNotFoundError):  # it has just ended
                    found[str(info["name"])] = await self._look(int(info["pid"]))
        return found

    async def _look(self, pid: int) -> Alive:
        """What the process was given, once the launcher has made way for it."""

        def words(part: str) -> list[str]:
            return os.fsdecode(Path(f"/proc/{pid}/{part}").read_bytes()).split("\0")[:-1]

        def become() -> list[str]:
            """Its arguments; none while it is still the launcher or a fork of supervisord."""
            found = words("cmdline") if folder.exists() else [""]
            return [] if {"-S", "supervisor.supervisord"} & set(found) else found

        folder = Path(f"/proc/{pid}")
        argv = await eventually_async(become)
        env = dict(pair.split("=", 1) for pair in words("environ") if "=" in pair)
        return Alive(pid, tuple(argv or ()), env)

    async def stop_by_hand(self, name: str) -> None:
        await self.rpc.stop(name)
        await eventually_async(lambda: self._is(name, "STOPPED"))

    async def crash(self, name: str) -> None:
        before = (await self.alive())[name]
        await eventually_async(lambda: self._is(name, "RUNNING"))
        os.kill(before.incarnation, signal.SIGKILL)

        async def anew() -> bool:
            return before.incarnation != (await self.alive()).get(name, before).incarnation

        await eventually_async(anew)

    async def _is(self, name: str, statename: str) -> bool:
        info = await self.rpc.process(name)
        return info is not None and info["statename"] == statename

    async def add_foreign(self, name: str) -> None:
        path = self.state_dir / "state" / "supervisor" / "foreign.conf"
        path.write_text(f"[program:{name}]\ncommand=/bin/sleep 1001\nautostart=false\n")
        await self.rpc.reread()
        await self.rpc.add(name)
        await self.rpc.start(name)

    def traces(self) -> set[str]:
        found = {path.stem for path in (self.state_dir / "state" / "processes").glob("*")}
        text = (self.state_dir / "state" / "supervisor" / "programs.conf").read_text()
        return found | {line[9:-1] for line in text.splitlines() if line.startswith("[program:")}

    async def aclose(self) -> None:
        for rpc in self._opened:
            await rpc.aclose()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
async def world(request: pytest.FixtureRequest, stack_dir: Path) -> AsyncIterator[World]:
    """An empty world of processes."""
    if request.param == "fake":
        yield Fake()
        return
    with running_stack(stack_dir):
        real = Real(stack_dir)
        yield real
        await real.aclose()


def process(name: str, **spec: Any) -> Resource[ProcessSpec]:
    """A process that sleeps, unless said otherwise."""
    given = {"command": ["/bin/sleep", "1000"], "inheritEnv": ["PATH"], **spec}
    return Resource(
        Ref("Process", name),
        ProcessSpec.model_validate(given, by_alias=True, by_name=False),
        Origin(PurePath("specs/test.yaml"), 1),
        root=PurePath("/tmp"),
    )


def wish(*resources: Resource[ProcessSpec], revision: str = "r1") -> Wish:
    return Wish(expand(KINDS, resources), revision, confirmed=True)


async def converge(driver: Any, wanted: Wish) -> list[Outcome]:
    """Pass after pass, until one has nothing to do."""
    outcomes = []
    for _ in range(100):
        outcome = await reconcile(KINDS, wanted, {"Process": driver})
        outcomes.append(outcome)
        assert not outcome.plan.unknown, outcome.world
        for failure in outcome.failures.values():
            assert isinstance(failure, Waiting), failure
        if outcome.plan.in_sync:
            return outcomes
        await asyncio.sleep(0.01)
    raise AssertionError(f"never in sync: {outcomes[-1]}")


async def plan_of(driver: Any, wanted: Wish) -> Plan:
    return make_plan(KINDS, wanted, await observe({"Process": driver}))


async def test_a_created_process_runs_what_was_written(world: World) -> None:
    """Its arguments and environment are those of the spec, and its instances have numbers."""
    await converge(world.driver(), wish(process("web", replicas=2, env={"A": "1"})))
    alive = await world.alive()
    assert alive.keys() == {"web-0", "web-1"}
    assert alive["web-1"].argv == ("/bin/sleep", "1000")
    assert (alive["web-1"].env["A"], alive["web-1"].env["REPLICA_INDEX"]) == ("1", "1")


async def test_a_second_apply_does_nothing(world: World) -> None:
    """What is in sync has an empty plan, for a fresh operator too."""
    wanted = wish(process("web"), process("off", enabled=False))
    await converge(world.driver(), wanted)
    before = await world.alive()
    plan = await plan_of(world.driver(), wanted)
    assert plan.in_sync
    assert plan.steps == plan.due == ()
    assert await world.alive() == before


@pytest.mark.parametrize(
    "edit",
    [
        {"env": {"A": "2"}},
        {"command": ["/bin/sleep", "2000"]},
        {"priority": 5},
        {"stop": {"signal": "INT", "grace": "3s"}},
        {"restart": {"policy": "onFailure"}, "env": {"A": "2"}},
    ],
    ids=str,
)
async def test_an_edit_restarts_only_that_process(world: World, edit: dict[str, Any]) -> None:
    """The edited process runs anew as written; the others keep their incarnation."""
    await converge(world.driver(), wish(process("web"), process("other")))
    before = await world.alive()
    wanted = wish(process("web", **edit), process("other"), revision="r2")
    driver = world.driver()
    await converge(driver, wanted)
    after = await world.alive()
    assert after["other-0"] == before["other-0"]
    assert after["web-0"].incarnation != before["web-0"].incarnation
    assert after["web-0"].argv == tuple(edit.get("command", ("/bin/sleep", "1000")))
    assert after["web-0"].env.get("A") == edit.get("env", {}).get("A")
    assert (await plan_of(driver, wanted)).in_sync


async def test_scaling_never_touches_the_other_instances(world: World) -> None:
    """More or fewer replicas add or remove at the end only."""
    await converge(world.driver(), wish(process("web", replicas=2)))
    before = await world.alive()
    await converge(world.driver(), wish(process("web", replicas=3)))
    more = await world.alive()
    assert {name: more[name] for name in before} == before
    await converge(world.driver(), wish(process("web", replicas=1)))
    assert await world.alive() == {"web-0": before["web-0"]}


async def test_a_deleted_process_leaves_no_trace(world: World) -> None:
    """It is stopped and forgotten, on disk too."""
    await converge(world.driver(), wish(process("web"), process("other")))
    await converge(world.driver(), wish(process("other")))
    assert (await world.alive()).keys() == {"other-0"}
    assert world.traces() == {"other-0"}


async def test_a_disabled_process_stops_and_comes_back(world: World) -> None:
    """Its configuration is kept meanwhile."""
    driver = world.driver()
    await converge(driver, wish(process("web")))
    await converge(driver, wish(process("web", enabled=False)))
    assert await world.alive() == {}
    assert world.traces() == {"web-0"}
    await converge(driver, wish(process("web")))
    assert (await world.alive()).keys() == {"web-0"}


async def test_a_stop_by_hand_heals(world: World) -> None:
    """What the specs want running runs again."""
    wanted = wish(process("web"))
    await converge(world.driver(), wanted)
    await world.stop_by_hand("web-0")
    await converge(world.driver(), wanted)
    assert (await world.alive()).keys() == {"web-0"}


async def test_what_is_not_ours_is_never_touched(world: World) -> None:
    """A program somebody else loaded goes on, and is seen as not owned."""
    await world.add_foreign("theirs")
    before = (await world.alive())["theirs"]
    driver = world.driver()
    await converge(driver, wish(process("web")))
    await converge(driver, wish())
    assert await world.alive() == {"theirs": before}
    assert not (await driver.observe())["theirs"].owned


async def test_a_change_taken_back_half_way_is_gone(world: World) -> None:
    """Killed after writing the new record, then reverted: a crash must not start the new one."""
    old, new = wish(process("web", env={"A": "old"})), wish(process("web", env={"A": "new"}))
    await converge(world.driver(), old)
    before = await world.alive()
    await _killed_after(world, new, 1)
    await converge(world.driver(), old)
    assert await world.alive() == before
    await world.crash("web-0")
    assert (await world.alive())["web-0"].env["A"] == "old"
    assert (await plan_of(world.driver(), old)).in_sync


Change = tuple[Wish, Wish]
CHANGES: dict[str, Change] = {
    "create": (wish(), wish(process("web"))),
    "restart": (wish(process("web")), wish(process("web", env={"A": "2"}))),
    "recreate": (wish(process("web")), wish(process("web", priority=5, env={"A": "2"}))),
    "delete": (wish(process("web")), wish()),
    "disable": (wish(process("web")), wish(process("web", enabled=False))),
    "enable": (wish(process("web", enabled=False)), wish(process("web"))),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_killed_after_each_action_it_converges(world: World, name: str) -> None:
    """Whatever was done before the operator died, the next one brings the world in order."""
    before, after = CHANGES[name]
    await converge(world.driver(), before)
    count = len((await plan_of(world.driver(), after)).steps)
    assert count
    for done in range(count + 1):
        await converge(world.driver(), before)
        await _killed_after(world, after, done)
        await converge(world.driver(), after)
        await _assert_world(world, after)


async def _killed_after(world: World, wanted: Wish, count: int) -> None:
    """Do the first ``count`` actions of the plan, and then no more."""
    driver = world.driver()
    plan = await plan_of(driver, wanted)
    for step in plan.steps[:count]:
        try:
            await driver.apply(step.action)
        except Waiting:
            return


async def _assert_world(world: World, wanted: Wish) -> None:
    """The world is as wished, by itself and not by what the driver says."""
    alive = await world.alive()
    states = {ref.name: KIND.render(one) for ref, one in wanted.desired.items()}
    assert alive.keys() == {name for name, state in states.items() if state.started}
    for name, one in alive.items():
        assert one.argv == states[name].argv
        assert one.env.get("A") == states[name].env.get("A")
    assert world.traces() == states.keys()


async def test_a_slow_stop_takes_another_pass() -> None:
    """The driver never waits for a stop: it says so, and a later pass goes on."""
    world = Fake()
    await converge(world.driver(), wish(process("web")))
    world.world.stubborn.add("web-0")
    outcomes = await converge(world.driver(), wish(process("web", env={"A": "2"})))
    assert any(outcome.failures for outcome in outcomes)
    assert (await world.alive())["web-0"].env["A"] == "2"


async def test_an_unreachable_supervisord_is_unknown() -> None:
    """Nothing is planned, and nothing is taken for gone."""
    driver = FakeProcessDriver()
    await converge(driver, wish(process("web")))
    driver.reachable = False
    plan = await plan_of(driver, wish())
    assert plan.unknown == ("Process",)
    assert plan.steps == plan.due == ()
