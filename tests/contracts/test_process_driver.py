"""One suite for every way to keep processes: fakes, a stock supervisord, and our keeper in it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, NamedTuple, Protocol

import pytest

from reconciler.clients.keeper import Keeper
from reconciler.clients.packets import Packets
from reconciler.clients.supervisord import Supervisord
from reconciler.core.errors import Waiting
from reconciler.core.kind import Kinds
from reconciler.core.model import Apply, Origin, Ref, Resource
from reconciler.core.plan import Plan, Wish, expand, make_plan
from reconciler.core.sealed import Sealed
from reconciler.engine.reconcile import Outcome, observe, reconcile
from reconciler.kinds.process import KIND, STOCK
from reconciler.kinds.process.driver import ProcessDriver
from reconciler.kinds.process.layout import Layout
from reconciler.kinds.process.spec import ProcessSpec
from reconciler.testing import eventually_async
from reconciler.testing.keeper import FakeKeeper, KeeperWorld
from reconciler.testing.process import FakeProcessDriver, FakeWorld, running_stack

KEPT: Kinds = {"Process": KIND}
STOCKED: Kinds = {"Process": STOCK}


class Alive(NamedTuple):
    """One running process: which incarnation, and what it was given."""

    incarnation: int
    argv: tuple[str, ...]
    env: Mapping[str, str]


class World(Protocol):
    """What a test may do to, and see of, a world of processes without asking the driver."""

    kinds: Kinds
    """At what changes cost there."""

    def driver(self) -> Any: ...
    async def alive(self) -> dict[str, Alive]: ...
    async def stop_by_hand(self, name: str) -> None: ...
    async def crash(self, name: str) -> None: ...
    async def add_foreign(self, name: str) -> None: ...
    async def traces(self) -> set[str]: ...


class Fake:
    """A stock supervisord, in memory."""

    kinds = STOCKED

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

    async def traces(self) -> set[str]:
        world = self.world
        return {*world.records, *world.sections, *world.runs, *world.loaded}


class FakeKept:
    """A keeper, in memory."""

    kinds = KEPT

    def __init__(self, state_dir: Path) -> None:
        self.world = KeeperWorld(state_dir)

    def driver(self) -> ProcessDriver:
        return self.world.driver()

    async def alive(self) -> dict[str, Alive]:
        found = {}
        for name, kept in self.world.programs.items():
            record = kept.started_with
            if kept.entry["pid"] and record is not None:
                found[name] = Alive(kept.entry["pid"], tuple(record["argv"]), record["env"])
        return found

    async def stop_by_hand(self, name: str) -> None:
        await FakeKeeper(self.world).do("stop", name)

    async def crash(self, name: str) -> None:
        self.world.crash(name)

    async def add_foreign(self, name: str) -> None:
        pytest.skip(f"the fake keeper has nothing but its own, no {name}")

    async def traces(self) -> set[str]:
        folder = self.world.state_dir / "state" / "processes"
        return {path.stem for path in folder.glob("*.json")} | self.world.programs.keys()


class Real:
    """A real, stock supervisord under its real parent."""

    kinds = STOCKED

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.rpc = Supervisord(state_dir / "run" / "supervisor.sock")
        self._opened: list[Supervisord | Packets] = [self.rpc]

    def driver(self) -> ProcessDriver:
        rpc = Supervisord(self.state_dir / "run" / "supervisor.sock")
        self._opened.append(rpc)
        run = self.state_dir / "run"
        packets = Packets(run / "keeper.sock")
        self._opened.append(packets)
        keeper = Keeper(rpc, beacon=run / "keeper.version", packets=packets)
        layout = Layout(self.state_dir)
        return ProcessDriver(rpc, layout, keeper=keeper, stock=self.kinds is STOCKED)

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

    async def traces(self) -> set[str]:
        found = self.records()
        path = self.state_dir / "state" / "supervisor" / "programs.conf"
        text = path.read_text() if path.exists() else ""
        return found | {line[9:-1] for line in text.splitlines() if line.startswith("[program:")}

    async def clear(self) -> None:
        """Leave an empty world to the next test."""
        foreign = self.state_dir / "state" / "supervisor" / "foreign.conf"
        if foreign.exists():
            foreign.unlink()
            await self.stop_by_hand("theirs")
            await self.rpc.remove("theirs")
            await self.rpc.reread()
        await converge(self, wish())

    def records(self) -> set[str]:
        return {path.stem for path in (self.state_dir / "state" / "processes").glob("*")}

    async def aclose(self) -> None:
        for one in self._opened:
            await one.aclose()


class RealKept(Real):
    """A real supervisord with our keeper in it."""

    kinds = KEPT

    async def traces(self) -> set[str]:
        return self.records() | (await Keeper(self.rpc).look()).keys()


REAL = {"stock": (Real, "off"), "keeper": (RealKept, "full"), "plain": (RealKept, "plain")}


@pytest.fixture(scope="module")
def stacks() -> Iterator[dict[str, Path]]:
    """Real stacks, one for each way to keep, opened when first asked for."""
    with ExitStack() as opened:
        yield _Opening(opened)


class _Opening(dict[str, Path]):
    def __init__(self, opened: ExitStack) -> None:
        self._opened = opened

    def __missing__(self, keeper: str) -> Path:
        folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="rc-"))
        self._opened.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in ("state", "run", "log"):
            (folder / name).mkdir(mode=0o700)
        self._opened.enter_context(running_stack(folder, keeper=keeper))
        self[keeper] = folder
        return folder


@pytest.fixture(
    params=[
        "fake",
        "fake-keeper",
        pytest.param("stock", marks=pytest.mark.real),
        pytest.param("keeper", marks=pytest.mark.real),
        pytest.param("plain", marks=[pytest.mark.real, pytest.mark.soak]),
    ]
)
async def world(
    request: pytest.FixtureRequest, stack_dir: Path, stacks: dict[str, Path]
) -> AsyncIterator[World]:
    """An empty world of processes."""
    if request.param not in REAL:
        yield Fake() if request.param == "fake" else FakeKept(stack_dir)
        return
    make, keeper = REAL[request.param]
    real = make(stacks[keeper])
    yield real
    try:
        await real.clear()
    except BaseException:
        del stacks[keeper]  # the next test gets a fresh one
        raise
    finally:
        await real.aclose()


def process(name: str, **spec: Any) -> Resource[ProcessSpec]:
    """A process that sleeps, unless said otherwise."""
    given = {"command": ["/bin/sleep", "1000"], "inheritEnv": ["PATH"], **spec}
    given["restart"] = {"backoff": "0s", **spec.get("restart", {})}
    return Resource(
        Ref("Process", name),
        ProcessSpec.model_validate(given, by_alias=True, by_name=False),
        Origin(PurePath("specs/test.yaml"), 1),
        root=PurePath("/tmp"),
    )


def wish(*written: Resource[ProcessSpec], revision: str = "r1", epoch: int = 0) -> Wish:
    resources = [replace(one, epoch=epoch) for one in written]
    return Wish(expand(KEPT, resources), revision, confirmed=True)


async def converge(world: World, wanted: Wish, driver: Any = None) -> list[Outcome]:
    """Pass after pass, until one has nothing to do; by a fresh operator unless one is given."""
    driver, outcomes = driver or world.driver(), []
    for _ in range(100):
        outcome = await reconcile(world.kinds, wanted, {"Process": driver})
        outcomes.append(outcome)
        assert not outcome.plan.unknown, outcome.world
        for failure in outcome.failures.values():
            assert isinstance(failure, Waiting), failure
        if outcome.plan.in_sync:
            return outcomes
        await asyncio.sleep(0.01)
    raise AssertionError(f"never in sync: {outcomes[-1]}")


async def plan_of(world: World, wanted: Wish, driver: Any = None) -> Plan:
    seen = await observe({"Process": driver or world.driver()})
    return make_plan(world.kinds, wanted, seen)


async def test_a_created_process_runs_what_was_written(world: World) -> None:
    """Its arguments and environment are those of the spec, and its instances have numbers."""
    await converge(world, wish(process("web", replicas=2, env={"A": "1"})))
    alive = await world.alive()
    assert alive.keys() == {"web-0", "web-1"}
    assert alive["web-1"].argv == ("/bin/sleep", "1000")
    assert (alive["web-1"].env["A"], alive["web-1"].env["REPLICA_INDEX"]) == ("1", "1")


async def test_a_second_apply_does_nothing(world: World) -> None:
    """What is in sync has an empty plan, for a fresh operator too."""
    wanted = wish(process("web"), process("off", enabled=False))
    await converge(world, wanted)
    before = await world.alive()
    plan = await plan_of(world, wanted)
    assert plan.in_sync
    assert plan.steps == plan.due == ()
    assert await world.alive() == before


RESTARTS: list[dict[str, Any]] = [
    {"env": {"A": "2"}},
    {"command": ["/bin/sleep", "2000"]},
    {"limits": {"openFiles": 99}},
    {"restart": {"policy": "onFailure"}, "env": {"A": "2"}},
]
RECREATES: list[dict[str, Any]] = [
    {"priority": 5},
    {"stop": {"signal": "INT", "grace": "3s"}},
    {"logs": {"backups": 3}},
]
LIVES: list[dict[str, Any]] = [
    {"restart": {"backoff": "3s", "maxRetries": -1, "strategy": "fixed"}},
    {"stop": {"preStop": ["/bin/true"]}},
    {"limits": {"memory": "1Gi"}},
    {"reload": {"signal": "USR1"}},
]


@pytest.mark.parametrize("edit", RESTARTS + RECREATES, ids=str)
async def test_an_edit_restarts_only_that_process(world: World, edit: dict[str, Any]) -> None:
    """The edited process runs anew as written; the others keep their incarnation.

    How it is kept changes live under the keeper, and costs a new program without it.
    """
    await converge(world, wish(process("web"), process("other")))
    before = await world.alive()
    wanted = wish(process("web", **edit), process("other"), revision="r2")
    driver = world.driver()
    await converge(world, wanted, driver)
    after = await world.alive()
    assert after["other-0"] == before["other-0"]
    is_same = after["web-0"].incarnation == before["web-0"].incarnation
    assert is_same is (edit in RECREATES and world.kinds is KEPT)
    assert after["web-0"].argv == tuple(edit.get("command", ("/bin/sleep", "1000")))
    assert after["web-0"].env.get("A") == edit.get("env", {}).get("A")
    assert (await plan_of(world, wanted, driver)).in_sync


@pytest.mark.parametrize("edit", LIVES, ids=str)
async def test_what_is_live_keeps_the_process(world: World, edit: dict[str, Any]) -> None:
    """The plan says that nothing restarts, and nothing does; then it is in sync."""
    await converge(world, wish(process("web")))
    before, wanted = await world.alive(), wish(process("web", **edit))
    plan = await plan_of(world, wanted)
    assert [change.apply for change in plan.changes] == [Apply.LIVE]
    await converge(world, wanted)
    assert await world.alive() == before
    assert (await plan_of(world, wanted)).in_sync


async def test_what_is_asked_to_begin_anew_does_so_once(world: World) -> None:
    """A raised epoch restarts it; the same epoch again does nothing, for a fresh operator too."""
    await converge(world, wish(process("web")))
    before = await world.alive()
    wanted = wish(process("web"), epoch=1)
    await converge(world, wanted)
    after = await world.alive()
    assert after["web-0"].incarnation != before["web-0"].incarnation
    assert (await plan_of(world, wanted)).in_sync
    await converge(world, wanted)
    assert await world.alive() == after


async def test_changed_files_send_the_signal(world: World, stack_dir: Path) -> None:
    """The process is told to read its files again, and keeps its incarnation."""
    script = stack_dir / "trap.sh"
    script.write_text(f"trap 'echo x >> {stack_dir}/told' HUP; touch {stack_dir}/up\n{LOOP}")

    def web(content: str) -> Resource[ProcessSpec]:
        files = [{"path": "a.conf", "digest": content}]
        return process("web", command=["/bin/sh", str(script)], reload={"files": files})

    await converge(world, wish(web("old")))
    if isinstance(world, Real):
        await eventually_async((stack_dir / "up").exists)
    before = await world.alive()
    plan = await plan_of(world, wish(web("new")))
    assert [change.apply for change in plan.changes] == [Apply.RELOAD]
    await converge(world, wish(web("new")))
    assert await world.alive() == before
    if isinstance(world, Real):
        await eventually_async((stack_dir / "told").exists)
    else:
        assert world.world.signals == [("web-0", "HUP")]  # type: ignore[attr-defined]


LOOP = "while :; do sleep 0.1; done"


async def test_scaling_never_touches_the_other_instances(world: World) -> None:
    """More or fewer replicas add or remove at the end only."""
    await converge(world, wish(process("web", replicas=2)))
    before = await world.alive()
    await converge(world, wish(process("web", replicas=3)))
    more = await world.alive()
    assert {name: more[name] for name in before} == before
    await converge(world, wish(process("web", replicas=1)))
    assert await world.alive() == {"web-0": before["web-0"]}


async def test_a_deleted_process_leaves_no_trace(world: World) -> None:
    """It is stopped and forgotten, on disk too."""
    await converge(world, wish(process("web"), process("other")))
    await converge(world, wish(process("other")))
    assert (await world.alive()).keys() == {"other-0"}
    assert (await world.traces()) == {"other-0"}


async def test_a_disabled_process_stops_and_comes_back(world: World) -> None:
    """Its configuration is kept meanwhile."""
    driver = world.driver()
    await converge(world, wish(process("web")), driver)
    await converge(world, wish(process("web", enabled=False)), driver)
    assert await world.alive() == {}
    assert (await world.traces()) == {"web-0"}
    await converge(world, wish(process("web")), driver)
    assert (await world.alive()).keys() == {"web-0"}


async def test_a_stop_by_hand_heals(world: World) -> None:
    """What the specs want running runs again."""
    wanted = wish(process("web"))
    await converge(world, wanted)
    await world.stop_by_hand("web-0")
    await converge(world, wanted)
    assert (await world.alive()).keys() == {"web-0"}


async def test_what_is_kept_goes_on_as_it_was(world: World) -> None:
    """Whatever its spec says now: stopped by hand it runs again as before, secrets and all."""
    kind, secret = world.kinds["Process"], Sealed.of("hunter2", b"k" * 32)
    await converge(world, wish(process("web", env={"KEY": secret, "A": "1"})))
    before = (await world.alive())["web-0"]
    (want,) = kind.instances(process("web", env={"A": "2"}))

    async def kept(epoch: int = 0) -> Wish:
        seen = (await world.driver().observe())["web-0"]
        asked = replace(want, epoch=epoch)
        return Wish({want.ref: replace(asked, kept=kind.keeps(asked, seen))}, "r2")

    await converge(world, await kept())
    assert (await world.alive())["web-0"] == before
    await world.stop_by_hand("web-0")
    await converge(world, await kept())
    again = (await world.alive())["web-0"]
    assert (again.argv, again.env["A"]) == (before.argv, "1")
    assert again.env.get("KEY") == before.env.get("KEY")  # the fake shows no secret
    await converge(world, await kept(epoch=1))
    anew = (await world.alive())["web-0"]
    assert anew.env.get("KEY") == before.env.get("KEY")
    assert (anew.incarnation == again.incarnation) is (kind is STOCK)


async def test_what_is_not_ours_is_never_touched(world: World) -> None:
    """A program somebody else loaded goes on, and is seen as not owned."""
    await world.add_foreign("theirs")
    before = (await world.alive())["theirs"]
    driver = world.driver()
    await converge(world, wish(process("web")), driver)
    await converge(world, wish(), driver)
    assert await world.alive() == {"theirs": before}
    assert not (await driver.observe())["theirs"].owned


async def test_a_change_taken_back_half_way_is_gone(world: World) -> None:
    """Killed after writing the new record, then reverted: a crash must not start the new one."""
    old, new = wish(process("web", env={"A": "old"})), wish(process("web", env={"A": "new"}))
    await converge(world, old)
    before = await world.alive()
    await _killed_after(world, new, 1)
    await converge(world, old)
    assert await world.alive() == before
    await world.crash("web-0")
    assert (await world.alive())["web-0"].env["A"] == "old"
    assert (await plan_of(world, old)).in_sync


Change = tuple[Wish, Wish]
CHANGES: dict[str, Change] = {
    "live": (wish(process("web")), wish(process("web", restart={"backoff": "3s"}))),
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
    await converge(world, before)
    count = len((await plan_of(world, after)).steps)
    assert count
    for done in range(count + 1):
        await converge(world, before)
        await _killed_after(world, after, done)
        await converge(world, after)
        await _assert_world(world, after)


async def test_killed_while_beginning_anew_it_begins_anew_once(world: World) -> None:
    """Whatever was done before the operator died, the epoch is reached, with no third life."""
    await converge(world, wish(process("web")))
    count = len((await plan_of(world, wish(process("web"), epoch=1))).steps)
    for done in range(count + 1):
        before, wanted = await world.alive(), wish(process("web"), epoch=done + 1)
        await _killed_after(world, wanted, done)
        half = await world.alive()
        await converge(world, wanted)
        after = await world.alive()
        assert after["web-0"].incarnation != before["web-0"].incarnation
        assert half["web-0"].incarnation in {
            before["web-0"].incarnation,
            after["web-0"].incarnation,
        }


async def _killed_after(world: World, wanted: Wish, count: int) -> None:
    """Do the first ``count`` actions of the plan, and then no more."""
    driver = world.driver()
    plan = await plan_of(world, wanted, driver)
    for step in plan.steps[:count]:
        try:
            await driver.apply(step.action)
        except Waiting:
            return


async def _assert_world(world: World, wanted: Wish) -> None:
    """The world is as wished, by itself and not by what the driver says."""
    alive = await world.alive()
    states = {ref.name: world.kinds["Process"].render(one) for ref, one in wanted.desired.items()}
    assert alive.keys() == {name for name, state in states.items() if state.started}
    for name, one in alive.items():
        assert one.argv == states[name].argv
        assert one.env.get("A") == states[name].env.get("A")
    assert (await world.traces()) == states.keys()


@pytest.fixture(params=[Fake, FakeKept])
def fake(request: pytest.FixtureRequest, stack_dir: Path) -> Any:
    """An empty world in memory."""
    return Fake() if request.param is Fake else FakeKept(stack_dir)


async def test_a_slow_stop_takes_another_pass(fake: Any) -> None:
    """The driver never waits for a stop: it says so, and a later pass goes on."""
    await converge(fake, wish(process("web")))
    fake.world.stubborn.add("web-0")
    outcomes = await converge(fake, wish(process("web", env={"A": "2"})))
    assert any(outcome.failures for outcome in outcomes)
    assert (await fake.alive())["web-0"].env["A"] == "2"


async def test_an_unreachable_supervisord_is_unknown() -> None:
    """Nothing is planned, and nothing is taken for gone."""
    world = Fake()
    driver = world.driver()
    await converge(world, wish(process("web")), driver)
    driver.reachable = False
    plan = await plan_of(world, wish(), driver)
    assert plan.unknown == ("Process",)
    assert plan.steps == plan.due == ()
