"""Processes under the real keeper: each field of the spec, on the world."""

from __future__ import annotations

import os
import random
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.kinds.process.world import Stack, web

from reconciler.core.errors import Transient
from reconciler.core.model import Health, HealthCode, Ref
from reconciler.core.sealed import Sealed
from reconciler.kinds.process import KIND
from reconciler.kinds.process.actions import WriteRecord
from reconciler.testing import eventually_async
from reconciler.testing.process import running_stack

pytestmark = pytest.mark.real

QUICK = {"backoff": "10ms", "maxBackoff": "20ms"}
SOAK = os.environ.get("RECONCILER_SOAK") == "1"


@pytest.fixture
async def stack(stack_dir: Path) -> AsyncIterator[Stack]:
    """A stack with our keeper."""
    with running_stack(stack_dir):
        stack = Stack(stack_dir)
        yield stack
        await stack.rpc.aclose()


@pytest.fixture(params=["full", "off"])
async def either(request: pytest.FixtureRequest, stack_dir: Path) -> AsyncIterator[Stack]:
    """A stack with our keeper, and one without."""
    with running_stack(stack_dir, keeper=request.param):
        stack = Stack(stack_dir, stock=request.param == "off")
        yield stack
        await stack.rpc.aclose()


def shell(line: str, name: str = "web", **given: Any) -> Any:
    return web(name, command=["/bin/sh", "-c", line], **given)


async def test_one_that_always_fails_is_given_up(stack: Stack) -> None:
    """It says so and why, nothing is done about it, and an edit or a request tries again."""
    bad = shell("echo boom; exit 3", restart={**QUICK, "maxRetries": 2})
    await stack.go(bad)
    vitals = await stack.until("failed")
    seen = await stack.see()
    health = KIND.health(seen)
    assert (health.code, health.stuck) == (HealthCode.DEGRADED, True)
    assert health.message == "gave up after 3 failures in a row: exited with code 3"
    assert [one["cause"] for one in vitals["causes"]] == ["crash", "crash"]
    assert vitals["lastExit"]["code"] == 3
    assert seen.state.started
    assert (await stack.once(bad)).plan.steps == ()
    assert "boom" in (await stack.driver.last_lines("web-0"))[-1]
    await stack.go(bad, epoch=1)
    await stack.until("failed")
    await stack.go(shell("exec sleep 1000", restart={**QUICK, "maxRetries": 2}), epoch=1)
    assert (await stack.until("running"))["gaveUp"] is False


async def test_a_good_end_of_what_always_runs_is_no_trouble(stack: Stack) -> None:
    """While it waits it is on its way, not in a crash loop; it is never given up."""
    await stack.go(shell("exit 0", restart={"backoff": "1m", "maxBackoff": "1m", "maxRetries": 0}))
    vitals = await stack.until("backoff")
    health = KIND.health(await stack.see())
    assert (health.code, health.reason) == (HealthCode.PROGRESSING, "Restarting")
    assert health.message == "exited with code 0, a good end; is started again"
    assert (vitals["failures"], vitals["gaveUp"]) == (0, False)


async def test_a_service_that_always_ends_at_once_is_told(stack: Stack) -> None:
    """It is started again for ever, but nobody takes it for one that is on its way."""
    await stack.go(shell("exit 0", restart={"backoff": "300ms", "strategy": "fixed"}))

    async def told() -> Health | None:
        found = KIND.health(await stack.see())
        return found if found.reason == "EndsAtOnce" else None

    found = await eventually_async(told)
    assert found is not None
    assert (found.code, found.stuck) == (HealthCode.DEGRADED, False)


async def test_a_patience_that_is_raised_gives_a_new_chance(stack: Stack) -> None:
    """How it is kept changes without an edit of what it runs."""
    line = f"test -e {stack.state_dir}/ok && exec sleep 1000; exit 1"
    await stack.go(shell(line, restart={**QUICK, "maxRetries": 0}))
    await stack.until("failed")
    (stack.state_dir / "ok").touch()
    await stack.go(shell(line, restart={**QUICK, "maxRetries": 1}))
    await stack.until("running")


async def test_a_job_runs_to_its_end_once(stack: Stack) -> None:
    """A good end is the end, for a fresh operator and a fresh supervisord too; an edit is not."""
    out = stack.state_dir / "out"
    job = shell(f"echo x >> {out}", type="oneshot")
    await stack.go(job)
    assert (await stack.until("completed"))["meets"] == ["started", "completed"]
    stack.driver = stack.operator()
    assert (await stack.once(job)).plan.steps == ()
    pid = (stack.state_dir / "run/supervisord.pid").read_text().strip()
    os.kill(int(pid), 9)
    await eventually_async(lambda: _is_another(stack, pid))
    await stack.go(job)
    assert stack.lines("out") == ["x"]
    await stack.go(shell(f"echo y >> {out}", type="oneshot"))
    await eventually_async(lambda: stack.lines("out") == ["x", "y"])


def _is_another(stack: Stack, pid: str) -> bool:
    path = stack.state_dir / "run/supervisord.pid"
    is_new = path.exists() and path.read_text().strip() not in {"", pid}
    return is_new and (stack.state_dir / "run/supervisor.sock").exists()


async def test_a_job_that_fails_is_tried_again(stack: Stack) -> None:
    """Until its end is a good one."""
    line = f"echo x >> {stack.state_dir}/out; test $(wc -l < {stack.state_dir}/out) = 3"
    await stack.go(shell(line, type="oneshot", restart=QUICK))
    vitals = await stack.until("completed")
    assert (stack.lines("out"), vitals["restarts"]) == (["x"] * 3, 2)


async def test_a_cron_runs_at_its_times(either: Stack) -> None:
    """Not before; what was missed is made up for once; a fresh operator does not repeat it."""
    stack = either
    nightly = shell(f"echo x >> {stack.state_dir}/out", type="cron", schedule="0 4 * * *")
    await stack.go(nightly)
    plan = (await stack.once(nightly)).plan
    assert (await stack.state(), plan.due) == ("armed", ())
    assert plan.after is not None
    assert 0 < plan.after <= 86400
    stack.now += 3 * 86400
    outcome = await stack.once(nightly)
    assert len(outcome.plan.due) == 1
    await eventually_async(lambda: stack.lines("out") == ["x"])
    await stack.until("armed")
    stack.driver = stack.operator(stock=stack.kinds["Process"] is not KIND)
    assert (await stack.once(nightly)).plan.due == ()
    assert stack.lines("out") == ["x"]


async def test_a_cron_that_was_stopped_has_missed_nothing(stack: Stack) -> None:
    """Nor has one whose times were edited."""
    given = {"type": "cron", "schedule": "0 4 * * *"}
    await stack.go(shell("exit", **given))
    await stack.go(shell("exit", **given, enabled=False))
    assert await stack.state() == "stopped"
    stack.now += 3 * 86400
    await stack.go(shell("exit", **given))
    assert (await stack.once(shell("exit", **given))).plan.due == ()
    later = shell("exit", type="cron", schedule="* * * * *")
    stack.now += 50000
    await stack.go(later)
    assert (await stack.once(later)).plan.due == ()


async def test_a_cron_may_run_when_the_stack_starts(stack: Stack) -> None:
    """Once in each start, whatever the operator goes through."""
    # Never due by itself, whatever the time of day.
    given = {"type": "cron", "schedule": "0 4 29 2 *", "runOnStart": True}
    line = f"echo x >> {stack.state_dir}/out"
    await stack.go(shell(line, **given))
    await stack.once(shell(line, **given))
    await eventually_async(lambda: stack.lines("out") == ["x"])
    await stack.until("armed")
    for start, lines in (("1", 1), ("2", 2)):
        stack.now += 60
        stack.driver = stack.operator(start=start)
        await stack.once(shell(line, **given))
        await eventually_async(lambda: len(stack.lines("out")) == lines)
        await stack.until("armed")


async def test_a_process_becomes_another_type(stack: Stack) -> None:
    """What runs goes on until its end; what rests does what its new type says."""
    out = stack.state_dir / "out"
    line = f"echo x >> {out}; test -e {stack.state_dir}/long && exec sleep 1000; true"
    cron = {"type": "cron", "schedule": "0 4 * * *"}
    await stack.go(shell(line, type="oneshot"))
    await stack.until("completed")
    await stack.go(shell(line, **cron))
    await stack.until("armed")
    plan = (await stack.once(shell(line, **cron))).plan
    assert (len(stack.lines("out")), plan.due) == (1, ())
    assert plan.after is not None
    (stack.state_dir / "long").touch()
    await stack.go(shell(line))
    vitals = await stack.until("running")
    await stack.go(shell(line, **cron))
    assert await stack.pid() == vitals["pid"]
    stack.now += 86400
    assert len((await stack.once(shell(line, **cron))).plan.due) == 1


@pytest.mark.parametrize(("concurrency", "begun"), [("forbid", 1), ("replace", 2), ("allow", 2)])
async def test_a_run_that_is_not_over(stack: Stack, concurrency: str, begun: int) -> None:
    """The next one is left out, or takes its place."""
    given = {"type": "cron", "schedule": "* * * * *", "concurrency": concurrency}
    slow = shell(f"echo x >> {stack.state_dir}/out; exec sleep 1000", **given)
    await stack.go(slow)
    for _ in range(2):
        stack.now += 60
        assert len((await stack.once(slow)).plan.due) == 1
        await stack.until("running")
    await eventually_async(lambda: len(stack.lines("out")) == begun)
    runs = (await stack.see()).vitals.get("runs", ())
    assert len(runs) == (2 if concurrency == "allow" else 0)


async def test_runs_at_once_take_the_keeper(either: Stack) -> None:
    """Without it they are refused, in words that say what to write instead."""
    stack = either
    given = {"type": "cron", "schedule": "* * * * *", "concurrency": "allow"}
    await stack.go(shell("exec sleep 1000", **given))
    stack.now += 60
    failures = (await stack.once(shell("exec sleep 1000", **given))).failures
    if stack.kinds["Process"] is KIND:
        assert not failures
    else:
        assert "concurrency: forbid or replace" in str(failures[Ref("Process", "web-0")])


async def test_too_much_memory_is_a_cause(stack: Stack) -> None:
    """The whole tree counts; the process is started anew, after the wait of a failure."""
    line = "import time;x=bytearray(60_000_000);x[::4096]=b'x'*len(x[::4096]);time.sleep(1000)"
    command = [sys.executable, "-S", "-c", line]
    limits = {"memory": "40Mi"}
    await stack.go(web(command=command, limits=limits, restart={**QUICK, "maxRetries": 0}))
    vitals = await stack.until("failed")
    assert "memory" in KIND.health(await stack.see()).message
    assert vitals["failures"] == 1


async def test_a_log_is_rotated(stack: Stack) -> None:
    """At its size, with as many kept as asked for."""
    line = "for i in $(seq 9000); do echo aaaaaaaaaaaaaaaaaaaaaaaa; done; exec sleep 1000"
    await stack.go(shell(line, logs={"maxBytes": 20000, "backups": 2}))
    log = stack.state_dir / "log"
    await eventually_async((log / "web-0.log.2").exists)
    assert not (log / "web-0.log.3").exists()


async def test_limits_reach_the_process(either: Stack) -> None:
    """The kernel itself says what the process may use."""
    limits = {"openFiles": 77, "processes": 4321, "niceness": 15, "noNewPrivileges": True}
    await either.go(web(limits=limits, umask="027"))
    proc = Path(f"/proc/{await either.pid()}")
    # Without the keeper a launcher gives these to itself first, and this one last.
    await eventually_async(lambda: "NoNewPrivs:\t1" in (proc / "status").read_text())
    rows = [line.split() for line in (proc / "limits").read_text().splitlines()]
    assert next(row[3] for row in rows if row[:3] == ["Max", "open", "files"]) == "77"
    assert next(row[2] for row in rows if row[:2] == ["Max", "processes"]) == "4321"
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
    assert status["Umask"] == "0027"
    assert (proc / "stat").read_text().rpartition(")")[2].split()[16] == "15"


async def test_the_way_out_is_taken_before_the_signal(stack: Stack) -> None:
    """PreStop runs while the process still lives."""
    line = f"kill -0 $(cat {stack.state_dir}/pid) && echo alive > {stack.state_dir}/out"
    stop = {"preStop": ["/bin/sh", "-c", line]}
    given = {"stop": stop, "workingDir": str(stack.state_dir)}
    await stack.go(shell("echo $$ > pid; exec sleep 1000", **given))
    await eventually_async(lambda: stack.lines("pid"))
    await stack.go(shell("echo $$ > pid; exec sleep 1000", **given, enabled=False))
    assert stack.lines("out") == ["alive"]


async def test_a_taken_port_is_named_with_its_owner(stack: Stack, free_port: int) -> None:
    """Before anything is started; when it is free the process starts."""
    wanted = web(ports=[{"name": "http", "port": free_port}])
    with _listening(free_port):
        (failure,) = (await stack.once(wanted)).failures.values()
        assert isinstance(failure, Transient)
        assert failure.reason == "PortBusy"
        assert f"port {free_port} of web-0 is taken by" in str(failure)
        assert f"(pid {os.getpid()})" in str(failure)
    await stack.go(wanted)


@contextmanager
def _listening(port: int) -> Iterator[None]:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        yield


SERVE = (
    "import socket,sys,time;s=socket.socket();s.setsockopt(1,2,1);"
    "s.bind(('127.0.0.1',int(sys.argv[1])));s.listen();time.sleep(1000)"
)


async def test_its_own_port_is_no_obstacle(stack: Stack, free_port: int) -> None:
    """A process that listens is replaced; another that wants the port hears who has it."""
    command = [sys.executable, "-S", "-c", SERVE, str(free_port)]
    given: dict[str, Any] = {"command": command, "ports": [{"name": "http", "port": free_port}]}
    await stack.go(web(**given))
    await eventually_async(lambda: _answers(free_port))
    pid = await stack.pid()
    await stack.go(web(**given, env={"A": "1"}))
    assert await stack.pid() != pid
    await eventually_async(lambda: _answers(free_port))
    outcome = await stack.once(web(**given, env={"A": "1"}), web("other", **given))
    (failure,) = outcome.failures.values()
    assert "is taken by Process/web-0 (pid" in str(failure)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("edit", "reason", "says"),
    [
        ({"command": ["no-such-program"]}, "ProgramMissing", "not in PATH"),
        ({"command": ["./none"]}, "ProgramMissing", "/tmp/none does not exist; create it"),
        ({"command": ["/etc/passwd"]}, "NotPermitted", "+rx /etc/passwd`"),
        ({"command": None, "script": "none.py"}, "ScriptMissing", "none.py"),
        ({"command": None, "script": "/etc/passwd"}, "NotPermitted", "+rx /etc/passwd`"),
        ({"command": None, "script": "/etc"}, "ProgramMissing", "/etc is a folder"),
        ({"user": "nouser-here"}, "UserUnfit", "user nouser-here: "),
        ({"workingDir": "/tmp/none/such"}, "WorkingDirMissing", "/tmp belongs to root"),
    ],
)
async def test_nothing_is_ended_for_a_vain_start(
    stack: Stack, edit: dict[str, Any], reason: str, says: str
) -> None:
    """What cannot start is told with what to do; what runs goes on."""
    await stack.go(web())
    pid = await stack.pid()
    (failure,) = (await stack.once(web(**edit))).failures.values()
    assert failure.reason == reason
    assert says in str(failure)
    assert await stack.pid() == pid


async def test_what_runs_is_known_after_a_death_half_way(stack: Stack) -> None:
    """The record is new, the process old: a fresh operator sees what the process was given."""
    await stack.go(web(env={"A": "old", "K": Sealed.of("canary", b"key")}))
    new = KIND.render(KIND.instances(web(env={"A": "new"}))[0])
    await stack.driver.apply(WriteRecord("web-0", new, "r2"))
    stack.driver = stack.operator()
    seen = await stack.see()
    assert (seen.state.env["A"], seen.state.installed) == ("old", False)
    assert "canary" not in repr(seen)


async def test_what_did_not_change_is_the_same_object(stack: Stack) -> None:
    """So that nobody has to compare it; one that changed is another one."""
    await stack.go(web(replicas=3))
    await stack.until("running", "web-2")
    before = await stack.driver.observe()
    again = await stack.driver.observe()
    assert all(again[name] is one for name, one in before.items())
    os.kill(before["web-1"].vitals["pid"], 9)

    async def moved() -> set[str]:
        after = await stack.driver.observe()
        return {name for name, one in before.items() if after[name] is not one}

    assert await eventually_async(moved) == {"web-1"}


async def test_a_stack_changes_how_it_keeps_processes(stack_dir: Path) -> None:
    """With the keeper, without it and with it again: nothing is left of the other way."""
    for keeper in ("off", "full", "off", "plain"):
        with running_stack(stack_dir, keeper=keeper):
            stack = Stack(stack_dir, stock=keeper == "off")
            await stack.go(web(replicas=2))
            assert _alive(await stack.pid("web-1"))
            text = stack.programs.read_text()
            assert ("[program:web-1]" in text) is (keeper == "off")
            await stack.go(web(replicas=1))
            if keeper == "full":
                await stack.go()
                assert (await stack.driver.observe()).keys() <= {"reconciler", "gateway"}
            await stack.rpc.aclose()


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_another_way_to_keep_is_no_empty_world(stack: Stack) -> None:
    """An operator that expects the keeper sees nothing where there is none, and the reverse."""
    with pytest.raises(Transient, match="start it anew"):
        await stack.operator(stock=True).observe()


NASTY = "\"'\\%;#\n\r\t ,=$`!*?[]{}<>|&~^()\x01\x1b\x7fü€𝄞\u200b\ufeff"


def _nasty(dice: random.Random, longest: int = 40) -> str:
    """Any text that a process may be given: everything but NUL."""
    length = dice.randrange(longest)
    kinds = (lambda: dice.choice(NASTY), lambda: chr(dice.randrange(1, 0xD800)))
    return "".join(dice.choice(kinds)() for _ in range(length))


@pytest.mark.timeout(3600)
async def test_every_nasty_word_arrives(either: Stack) -> None:
    """Arguments and environment reach the process exactly as written, told by the kernel."""
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    left = 100_000 if SOAK else 400
    while left > 0:
        words = [_nasty(dice) for _ in range(100)] + [_nasty(dice, 50_000)]
        env = {f"N{n}{_name(dice)}": _nasty(dice) for n in range(99)}
        env["LONG"] = "".join(_nasty(dice, 1000) for _ in range(100))[:100_000]
        left -= len(words) + len(env)
        await either.go(web(command=["/bin/sh", "-c", "sleep 1000", *words], env=env))
        proc = Path(f"/proc/{await either.pid()}")
        await eventually_async(lambda: b"/bin/sh" in (proc / "cmdline").read_bytes()[:8])
        argv = (proc / "cmdline").read_bytes().split(b"\0")[:-1]
        told = (proc / "environ").read_bytes().split(b"\0")[:-1]
        pairs = dict(pair.split(b"=", 1) for pair in told)
        assert argv[3:] == [word.encode() for word in words], seed
        found = {key: pairs.get(key.encode()) for key in env}
        assert found == {key: value.encode() for key, value in env.items()}, seed


def _name(dice: random.Random) -> str:
    return _nasty(dice, 8).replace("=", "_")
