"""The probes of a process: what they may name, who is probed, and what the vitals say."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.clients.prober import Prober
from reconciler.core.model import HealthCode, Observed, Origin, Ref, Resource
from reconciler.core.request import Asked
from reconciler.core.sealed import Sealed
from reconciler.kinds.process.actions import ProcessAction
from reconciler.kinds.process.health import calls_for, health
from reconciler.kinds.process.probing import Probing
from reconciler.kinds.process.records import write_record
from reconciler.kinds.process.spec import ProcessSpec
from reconciler.kinds.process.state import Program, digest, render
from reconciler.testing import eventually_async

PORTS = [{"name": "http", "port": 6185}, {"name": "ws", "port": 6199}]
QUICK = {"period": "100ms", "failureThreshold": 1}


def program(index: int = 0, **given: Any) -> Program:
    """What an instance of a process with probes is rendered to."""
    said = {"command": ["x"], "ports": PORTS, "workingDir": "app", **given}
    spec = ProcessSpec.model_validate(said, by_alias=True, by_name=False)
    origin, ref = Origin(PurePath("specs/a.yaml"), 3), Ref("Process", f"web-{index}")
    return render(Resource(ref, spec, origin, root=PurePath("/srv"), index=index))


def probes(**roles: Any) -> dict[str, Any]:
    return {"probes": roles}


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ({"tcp": {"port": "web"}}, "no port is called web; write one of http, ws, or a number"),
        ({"http": {"port": 1, "headers": {"A": Sealed("d")}}}, "cannot be a header here"),
        ({"tcp": {"port": 1}, "successThreshold": 2}, "must be 1"),
        ({"log": {"regex": "("}}, "unclosed group"),
    ],
)
def test_probes_that_cannot_work_are_refused(check: dict[str, Any], says: str) -> None:
    """With the role, and what may be written instead."""
    with pytest.raises(ValidationError) as caught:
        program(**probes(startup=check))
    assert says in str(caught.value)
    assert "startup" in str(caught.value)


@pytest.mark.parametrize(("index", "port"), [(0, 6185), (2, 6187)])
def test_each_instance_is_probed_at_its_own_port(index: int, port: int) -> None:
    """By name or by the number that is declared; another number is what it is."""
    found = program(
        index,
        replicas=3,
        **probes(
            startup={"tcp": {"port": "http"}},
            readiness={"http": {"port": 6185}},
            liveness={"tcp": {"port": 8000}},
        ),
    ).probes
    assert found is not None
    assert found.startup is not None
    assert found.startup.tcp is not None
    assert found.readiness is not None
    assert found.readiness.http is not None
    assert found.liveness is not None
    assert found.liveness.tcp is not None
    assert (found.startup.tcp.port, found.readiness.http.port) == (port, port)
    assert found.liveness.tcp.port == 8000


def test_a_file_lies_in_the_working_directory() -> None:
    """Unless its path says where it lies."""
    for path, place in (("beat", "/srv/app/beat"), ("/tmp/.X11-unix/X1", "/tmp/.X11-unix/X1")):
        found = program(**probes(liveness={"file": {"path": path}})).probes
        assert found is not None
        assert found.liveness is not None
        assert found.liveness.file is not None
        assert found.liveness.file.path == place


def test_probes_are_no_reason_to_restart() -> None:
    """They are not in the digest, and are read back as they were written."""
    plain, probed = program(), program(**probes(liveness={"tcp": {"port": "http"}}))
    assert digest(plain) == digest(probed)
    view = json.loads(json.dumps(probed.model_dump(mode="json", by_alias=True)))
    assert Program.model_validate(view) == probed


class Fixed:
    """A driver that sees what it is told to see."""

    def __init__(self) -> None:
        self.seen: dict[str, Observed[Program]] = {}

    async def observe(self) -> Mapping[str, Observed[Program]]:
        return dict(self.seen)

    async def apply(self, action: ProcessAction) -> None:
        del action

    async def last_lines(self, name: str) -> Sequence[str]:
        return [name]

    def put(self, one: Program, *, state: str = "running", pid: int = 7, age: float = 0) -> None:
        since = time.time() - age
        vitals = {"state": state, "pid": pid, "born": 5, "since": since, "log": "/x/web-0.log"}
        meets = ["started", "ready"] if state == "running" else ["started"]
        found = {**vitals, "meets": meets, "ready": state == "running"}
        self.seen["web-0"] = Observed(one, owned=True, vitals=found)


@pytest.fixture
async def prober() -> AsyncIterator[Prober]:
    one = Prober(lambda: None)
    one.follow({})
    yield one
    await one.aclose()


@pytest.fixture
def world() -> Fixed:
    return Fixed()


async def vitals(driver: Probing) -> Mapping[str, Any]:
    return (await driver.observe())["web-0"].vitals


async def test_who_has_no_probes_is_left_as_seen(
    world: Fixed, prober: Prober, stack_dir: Path
) -> None:
    """The very same object: nobody has to look at it twice."""
    world.put(program())
    driver = Probing(world, prober, stack_dir)
    assert (await driver.observe())["web-0"] is world.seen["web-0"]
    assert await driver.last_lines("web-0") == ["web-0"]


async def test_ready_is_what_the_probes_say(world: Fixed, prober: Prober, stack_dir: Path) -> None:
    """Running is started, ready is a verdict; what is not new is the very same object."""
    beat = stack_dir / "beat"
    driver = Probing(world, prober, stack_dir)
    world.put(program(**probes(readiness={"file": {"path": str(beat)}, **QUICK})))
    seen = (await driver.observe())["web-0"]
    assert (seen.vitals["ready"], seen.vitals["meets"]) == (False, ["started"])
    assert seen.vitals["readiness"] in {"unknown", "awaited"}
    assert health(seen).code is HealthCode.PROGRESSING

    async def sick() -> bool:
        return health((await driver.observe())["web-0"]).code is HealthCode.DEGRADED

    await eventually_async(sick)
    beat.touch()

    async def ready() -> bool:
        return bool((await vitals(driver))["ready"])

    await eventually_async(ready)
    seen = (await driver.observe())["web-0"]
    assert seen.vitals["meets"] == ["started", "ready"]
    assert seen.vitals["probes"]["readiness"]["verdict"] == "success"
    assert health(seen).code is HealthCode.HEALTHY
    await asyncio.sleep(0.3)
    assert (await driver.observe())["web-0"] is seen


async def test_what_may_still_become_ready_is_on_its_way(
    world: Fixed, prober: Prober, stack_dir: Path
) -> None:
    """Within the delay, and until it has failed so often as makes a failure."""
    look = {"file": {"path": "/no/beat"}, "period": "100ms"}
    driver = Probing(world, prober, stack_dir)
    world.put(program(**probes(readiness={**look, "initialDelay": "1h"})))
    found = health((await driver.observe())["web-0"])
    assert (found.code, found.reason) == (HealthCode.PROGRESSING, "NotReady")
    assert found.message == "waits for its first readiness probe"
    world.put(program(**probes(readiness={**look, "failureThreshold": 1_000_000})), pid=8)

    async def failing() -> bool:
        return bool((await vitals(driver))["probes"]["readiness"]["failures"])

    await eventually_async(failing)
    found = health((await driver.observe())["web-0"])
    assert (found.code, found.reason) == (HealthCode.PROGRESSING, "NotReady")
    assert found.message == "is not ready yet: /no/beat: no such file or directory"


async def test_a_program_is_ready_before_it_is_long_alive(
    world: Fixed, prober: Prober, stack_dir: Path
) -> None:
    """The probes say so, whatever the time since the start."""
    driver = Probing(world, prober, stack_dir)
    probed = program(**probes(readiness={"file": {"path": str(stack_dir)}, **QUICK}))
    world.put(probed, state="starting")

    async def ready() -> bool:
        return "ready" in (await vitals(driver))["meets"]

    await eventually_async(ready)
    for state in ("stopping", "backoff", "stopped"):
        world.put(probed, state=state)
        assert not await ready()
        assert (await vitals(driver))["probes"] == {}


async def test_what_is_broken_calls_for_a_restart(
    world: Fixed, prober: Prober, stack_dir: Path
) -> None:
    """Liveness asks for it with its reason, once for each life."""
    driver = Probing(world, prober, stack_dir)
    probed = program(**probes(liveness={"file": {"path": "/no/beat"}, **QUICK}))
    world.put(probed)

    async def asked() -> bool:
        return calls_for((await driver.observe())["web-0"]) is not None

    await eventually_async(asked)
    request = calls_for((await driver.observe())["web-0"])
    assert request is not None
    assert (request.verb, request.cause) == (Asked.RESTART, "liveness")
    assert "/no/beat: no such file or directory" in request.reason
    world.put(probed, state="stopping")
    assert not await asked()
    world.put(probed, pid=8)
    assert not await asked()
    await eventually_async(asked)


async def test_without_a_prober_nothing_is_known(world: Fixed, stack_dir: Path) -> None:
    """Who only reads runs nothing, and calls nobody ready or broken."""
    world.put(program(**probes(liveness={"exec": ["touch", str(stack_dir / "trace")]})))
    seen = (await Probing(world, None, stack_dir).observe())["web-0"]
    assert (seen.vitals["ready"], seen.vitals["probes"]) == (False, {})
    assert health(seen).code is HealthCode.PROGRESSING
    assert calls_for(seen) is None
    await asyncio.sleep(0.1)
    assert not (stack_dir / "trace").exists()


async def test_a_program_is_run_as_the_process_is(
    world: Fixed, prober: Prober, stack_dir: Path
) -> None:
    """In its folder, with its environment and its secrets, which are shown nowhere."""
    script = 'pwd; env | grep -c "^RECONCILER_PROCESS=web-0$"; echo "$A $TOKEN $HOME"; exit 1'
    probed = program(
        env={"A": "b", "TOKEN": Sealed.of("hunter2", b"k")},
        **probes(liveness={"exec": ["sh", "-c", script], **QUICK}),
    ).model_copy(update={"working_dir": str(stack_dir)})
    (stack_dir / "run" / "environ").write_bytes(b"HOME=/home/me\0SECRET=x\0")
    write_record(stack_dir / "state" / "processes", "web-0", probed, "r1")
    world.put(probed)
    driver = Probing(world, prober, stack_dir)

    async def failed() -> bool:
        return calls_for((await driver.observe())["web-0"]) is not None

    await eventually_async(failed)
    message = (await vitals(driver))["probes"]["liveness"]["message"]
    assert message == "sh exited with code 1: b (secret) /home/me"
