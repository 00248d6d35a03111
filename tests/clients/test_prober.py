from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from reconciler.clients.bell import ring
from reconciler.clients.checks import Looks
from reconciler.clients.execution import Surroundings
from reconciler.clients.memory import keep_what_is_there
from reconciler.clients.prober import EAGER, Prober, Subject
from reconciler.core.probe import Probe, Probes, Role
from reconciler.core.verdict import Result, Verdict, ready
from reconciler.testing import eventually_async, free_port

QUICK = {"period": "100ms"}


class Scripted(Looks):
    """Looks whose results are what the test says; it counts them by the file they ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.says: dict[str, bool] = {}
        self.asked: dict[str, int] = {}
        self.holds: asyncio.Event | None = None

    async def look(self, probe: Probe, _: Callable[[], Surroundings]) -> Result:
        assert probe.file is not None
        name = probe.file.path
        self.asked[name] = self.asked.get(name, 0) + 1
        said = self.says.get(name, False)
        if self.holds is not None:
            await self.holds.wait()
        return Result(ok=said, message="" if said else "bad")


class Bench:
    """A prober whose rings are counted."""

    def __init__(self, looks: Looks) -> None:
        self.rings = 0
        self.prober = Prober(self._ring, looks)
        self.prober.follow({})  # what is followed next is seen to begin

    def _ring(self) -> None:
        self.rings += 1

    def follow(self, life: str = "1", key: str = "web-0", **roles: dict[str, Any]) -> Probes:
        probes = Probes.model_validate(roles)
        self.prober.follow({key: Subject(life, probes, born=time.time())})
        return probes

    def verdicts(self, key: str = "web-0") -> dict[str, str]:
        standing = self.prober.standing(key)
        return {str(r): str(f.verdict) for r, f in standing.findings.items()} if standing else {}


@pytest.fixture
async def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
async def bench(scripted: Scripted) -> AsyncIterator[Bench]:
    one = Bench(scripted)
    yield one
    await one.prober.aclose()


@asynccontextmanager
async def real() -> AsyncIterator[Bench]:
    one = Bench(Looks())
    try:
        yield one
    finally:
        await one.prober.aclose()


def probe(name: str, **said: Any) -> dict[str, Any]:
    return {"file": {"path": name}, **QUICK, **said}


async def test_startup_opens_the_way_for_the_others(bench: Bench, scripted: Scripted) -> None:
    """Only startup is looked at until it succeeds, and never again after that."""
    bench.follow(
        startup=probe("s", failureThreshold=1000), readiness=probe("r"), liveness=probe("l")
    )
    await eventually_async(lambda: scripted.asked.get("s", 0) >= 3)
    assert bench.verdicts() == {
        "startup": "unknown",
        "readiness": "failure",
        "liveness": "success",
    }
    assert set(scripted.asked) == {"s"}
    scripted.says = {"s": True, "r": True, "l": True}
    await eventually_async(lambda: bench.verdicts()["readiness"] == "success")
    looked = scripted.asked["s"]
    await eventually_async(lambda: min(scripted.asked["r"], scripted.asked["l"]) >= 3)
    assert scripted.asked["s"] == looked


async def test_that_it_lives_rings_for_nobody(bench: Bench, scripted: Scripted) -> None:
    """It was taken to live from its start; a look at the world would show nothing new."""
    scripted.says = {"l": True}
    bench.follow(liveness=probe("l"))
    await eventually_async(lambda: scripted.asked.get("l", 0) >= 3)
    assert bench.rings == 0


async def test_only_a_turn_rings(bench: Bench, scripted: Scripted) -> None:
    """Looks that say the same again are nobody's business."""
    scripted.says = {"r": True}
    bench.follow(readiness=probe("r"))
    await eventually_async(lambda: scripted.asked.get("r", 0) >= 5)
    assert bench.rings == 1
    scripted.says = {}
    await eventually_async(lambda: bench.verdicts() == {"readiness": "failure"})
    assert bench.rings == 2
    standing = bench.prober.standing("web-0")
    assert standing is not None
    assert standing.findings[Role.READINESS].failures == 3
    assert standing.findings[Role.READINESS].message == "bad"


async def test_what_was_there_before_is_unknown_at_first(scripted: Scripted) -> None:
    """An operator that comes back neither withdraws nor restarts before it has looked."""
    prober = Prober(lambda: None, scripted)
    probes = Probes.model_validate({"readiness": probe("r"), "liveness": probe("l")})
    prober.follow({"web-0": Subject("1", probes, born=time.time() - 60)})
    standing = prober.standing("web-0")
    assert standing is not None
    assert ready(standing) is Verdict.UNKNOWN
    await prober.aclose()


async def test_an_old_life_that_turns_up_late_is_no_new_one(bench: Bench) -> None:
    """Its birth tells that it was there before we looked last."""
    probes = Probes.model_validate({"readiness": probe("r")})
    bench.prober.follow({"old-0": Subject("1", probes, born=time.time() - 60)})
    assert bench.verdicts("old-0") == {"readiness": "unknown"}
    bench.prober.follow({"new-0": Subject("1", probes, born=time.time())})
    assert bench.verdicts("new-0") == {"readiness": "failure"}


async def test_a_new_life_begins_anew(bench: Bench, scripted: Scripted) -> None:
    """What was found of the life before, even while it was still looked at, does not count."""
    scripted.says = {"r": True}
    bench.follow("1", readiness=probe("r"))
    await eventually_async(lambda: bench.verdicts() == {"readiness": "success"})
    scripted.holds = asyncio.Event()
    asked = scripted.asked["r"]
    await eventually_async(lambda: scripted.asked["r"] > asked)
    scripted.says = {}
    bench.follow("2", readiness=probe("r"))
    assert bench.verdicts() == {"readiness": "failure"}
    scripted.holds.set()
    await eventually_async(lambda: scripted.asked["r"] > asked + 2)
    assert bench.verdicts() == {"readiness": "failure"}


async def test_an_edit_leaves_the_other_probes_alone(bench: Bench, scripted: Scripted) -> None:
    """The process goes on, and so does what is known of it."""
    scripted.says = {"r": True, "l": True}
    bench.follow(readiness=probe("r"), liveness=probe("l"))
    await eventually_async(
        lambda: bench.verdicts() == dict.fromkeys(("readiness", "liveness"), "success")
    )
    bench.follow(readiness=probe("r"), liveness=probe("other"))
    assert bench.verdicts() == {"readiness": "success", "liveness": "unknown"}
    asked = scripted.asked["l"]
    await eventually_async(lambda: scripted.asked.get("other", 0) >= 3)
    assert scripted.asked["l"] <= asked + 1
    bench.follow()
    assert bench.verdicts() == {}


async def test_who_is_followed_no_more_is_left_in_peace(bench: Bench, scripted: Scripted) -> None:
    """A process that ended or went from the specs is not looked at."""
    bench.follow(readiness=probe("r"))
    await eventually_async(lambda: scripted.asked.get("r", 0) >= 1)
    bench.prober.follow({})
    asked = scripted.asked["r"]
    await asyncio.sleep(0.3)
    assert scripted.asked["r"] == asked
    assert bench.prober.standing("web-0") is None


async def test_who_is_waited_for_is_looked_at_more_often(bench: Bench, scripted: Scripted) -> None:
    """Ready is noticed soon, whatever the period; those looks never count as failures."""
    bench.follow(startup=probe("s", period="1h", failureThreshold=2))
    await eventually_async(lambda: scripted.asked.get("s", 0) >= 3)
    standing = bench.prober.standing("web-0")
    assert standing is not None
    assert standing.findings[Role.STARTUP].failures == 1
    scripted.says = {"s": True}
    await eventually_async(lambda: bench.verdicts() == {"startup": "success"}, 5)


async def test_the_delay_comes_first(bench: Bench, scripted: Scripted) -> None:
    """Nothing is looked at before initialDelay, counted from the start."""
    started = time.monotonic()
    bench.follow(readiness=probe("r", initialDelay="400ms"))
    await eventually_async(lambda: scripted.asked.get("r"))
    assert time.monotonic() - started >= 0.4 - EAGER / 10


async def test_a_fault_in_one_probe_ends_no_other(bench: Bench, scripted: Scripted) -> None:
    """What we cannot look at is unknown, and the rest is looked at as before."""
    bench.follow(readiness={"tcp": {"port": 1}, **QUICK}, liveness=probe("l", failureThreshold=1))
    await eventually_async(lambda: bench.verdicts()["liveness"] == "failure")
    assert bench.verdicts()["readiness"] == "failure"


async def test_a_real_port_comes_and_goes() -> None:
    """Success when somebody listens, failure when nobody does any more."""
    port = free_port()
    async with real() as bench:
        bench.follow(readiness={"tcp": {"port": port}, **QUICK})
        await eventually_async(
            lambda: (
                (found := bench.prober.standing("web-0"))
                and found.findings[Role.READINESS].failures
            )
        )
        server = socket.create_server(("127.0.0.1", port))
        await eventually_async(lambda: bench.verdicts() == {"readiness": "success"})
        server.close()
        await eventually_async(lambda: bench.verdicts() == {"readiness": "failure"})


async def test_a_real_log_is_searched_in_each_life(tmp_path: Path) -> None:
    """The line of the life before does not make the next one ready."""
    path = tmp_path / "web-0.log"
    probes = Probes.model_validate(
        {"startup": {"log": {"regex": "^ready"}, **QUICK, "failureThreshold": 1000}}
    )

    def say(text: str) -> None:
        now = time.time()
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        with path.open("a") as file:
            file.write(f"{when}.{int(now % 1 * 1e6):06}Z stdout F {text}\n")

    async with real() as bench:
        for life in ("1", "2"):
            bench.prober.follow({"web-0": Subject(life, probes, born=time.time(), log=path)})
            say("begin")
            await asyncio.sleep(0.3)
            assert bench.verdicts() == {"startup": "unknown"}
            say("ready to serve")
            await eventually_async(lambda: bench.verdicts() == {"startup": "success"})


async def test_a_log_without_times_is_not_searched_twice(tmp_path: Path) -> None:
    """What made the last life ready is not read again for the next one."""
    path = tmp_path / "web-0.log"
    check = {"log": {"regex": "^ready"}, **QUICK, "failureThreshold": 1000}
    probes = Probes.model_validate({"startup": check})
    born = time.time()
    path.write_text("ready\n")
    async with real() as bench:
        bench.prober.follow({"web-0": Subject("1", probes, born=born, log=path)})
        await eventually_async(lambda: bench.verdicts() == {"startup": "success"})
        bench.prober.follow({})
        bench.prober.follow({"web-0": Subject("2", probes, born=time.time(), log=path)})
        await asyncio.sleep(0.3)
        assert bench.verdicts() == {"startup": "unknown"}


async def test_closing_ends_what_was_begun(tmp_path: Path) -> None:
    """No task, no program and no thread's work is left when the operator stops."""
    pids = tmp_path / "pid"
    around = partial(Surroundings, env={"PATH": os.environ["PATH"]})
    script = ["sh", "-c", f"echo $$ > {pids}; exec sleep 600"]
    probes = Probes.model_validate({"liveness": {"exec": script, "timeout": "1h"}})
    async with real() as bench:
        bench.prober.follow({"web-0": Subject("1", probes, born=time.time(), around=around)})
        pid = await eventually_async(lambda: pids.exists() and int(pids.read_text() or 0))
    assert not psutil.pid_exists(pid)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_bell_rings_or_is_forgotten(stack_dir: Path) -> None:
    """A datagram for who listens; nobody, or nobody who reads, is no failure."""
    bell = stack_dir / "run" / "wake.sock"
    ring(bell)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(bell))
        heard.settimeout(5)
        ring(bell)
        assert heard.recv(100)
        for _ in range(1000):
            ring(bell)


async def test_five_hundred_probes_are_cheap() -> None:
    """Every ten seconds five hundred: a small part of one processor, and not all at once."""
    server = socket.create_server(("127.0.0.1", 0), backlog=4000)
    port = server.getsockname()[1]
    probes = Probes.model_validate({"readiness": {"tcp": {"port": port}}})
    with server:
        async with real() as bench:
            born = time.time() - 60
            subjects = {f"web-{n}": Subject("1", probes, born=born) for n in range(500)}
            began = time.process_time()
            bench.prober.follow(subjects)
            await eventually_async(
                lambda: all(bench.verdicts(key) == {"readiness": "success"} for key in subjects),
                30,
                every=0.5,
            )
            # One full round of looks, and the server's part of it: what ten seconds cost.
            assert time.process_time() - began < 2
            calm = time.process_time()
            for _ in range(100):
                bench.prober.follow(subjects)
            assert time.process_time() - calm < 1


@pytest.mark.soak
async def test_five_hundred_probes_cost_little_more_than_their_connections() -> None:
    """Once the first round is over: the loop itself, and what was found, weigh next to nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=4000) as server, nothing_kept():
        port = server.getsockname()[1]
        probes = Probes.model_validate({"readiness": {"tcp": {"port": port}}})
        async with real() as bench:
            born = time.time() - 60
            bench.prober.follow({f"web-{n}": Subject("1", probes, born=born) for n in range(500)})
            await asyncio.sleep(12)
            began = time.thread_time()
            await asyncio.sleep(20)
            spent = time.thread_time() - began
        began = time.thread_time()
        for _ in range(1000):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
        assert spent < 4 * (time.thread_time() - began)


@contextmanager
def nothing_kept() -> Iterator[None]:
    """What other tests have left is not looked through, at our cost, for what is not needed."""
    keep_what_is_there()
    yield
    gc.unfreeze()
