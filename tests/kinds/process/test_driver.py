from __future__ import annotations

import json
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.kinds.process.world import Stack, web

from reconciler.core.errors import Terminal, Transient
from reconciler.core.sealed import Sealed
from reconciler.kinds.process import KIND
from reconciler.testing import eventually_async
from reconciler.testing.process import running_stack

pytestmark = pytest.mark.real

NASTY = "a \"b\" 'c' 50% %(ENV_HOME)s ; x # \\ \n\t,= ü € 𝄞 $HOME `x` %%"
DUMP = (
    "import json,os,sys,time;"
    "p=sys.argv[1]; json.dump([sys.argv,dict(os.environ)],open(p+'.t','w'));"
    "os.rename(p+'.t',p); time.sleep(1000)"
)


@pytest.fixture(params=["stock", "keeper"])
async def stack(request: pytest.FixtureRequest, stack_dir: Path) -> AsyncIterator[Stack]:
    """A stack with our keeper, and one without."""
    async with _open(stack_dir, stock=request.param == "stock") as found:
        yield found


@pytest.fixture
async def stock(stack_dir: Path) -> AsyncIterator[Stack]:
    """A stack without our keeper."""
    async with _open(stack_dir, stock=True) as found:
        yield found


@asynccontextmanager
async def _open(state_dir: Path, *, stock: bool) -> AsyncIterator[Stack]:
    environ = {"HOME": "/home/x", "SECRET_TOKEN": "canary-env"}
    with running_stack(state_dir, environ=environ, keeper="off" if stock else "full"):
        stack = Stack(state_dir, stock=stock)
        yield stack
        await stack.rpc.aclose()


async def dumped(stack: Stack, *arguments: str, **given: Any) -> tuple[list[str], dict[str, str]]:
    """What a real child received, told by itself."""
    out = stack.state_dir / "dump.json"
    command = [sys.executable, "-S", "-c", DUMP, str(out), *arguments]
    await stack.go(web(**({"command": command} | given)))
    argv, env = await eventually_async(lambda: out.exists() and json.loads(out.read_bytes()))
    env.pop("LC_CTYPE", None)  # Python's own, set after the exec
    return argv[2:], env


async def test_what_is_written_arrives_byte_for_byte(stack: Stack) -> None:
    """No quote, percent sign, semicolon, newline or comma is lost on the way through."""
    argv, env = await dumped(stack, NASTY, "", env={"NASTY": NASTY, "a.b": NASTY, "EMPTY": ""})
    assert argv == [NASTY, ""]
    assert (env["NASTY"], env["a.b"], env["EMPTY"]) == (NASTY, NASTY, "")
    assert not stack.programs.exists() or NASTY[:5] not in stack.programs.read_text()


async def test_the_environment_holds_nothing_else(stack: Stack) -> None:
    """What is declared, what is inherited by name, and what names the process."""
    _, env = await dumped(stack, env={"A": "1"}, inheritEnv=["HOME"])
    assert len(env.pop("RECONCILER_SPEC_DIGEST")) == 32
    assert env == {
        "A": "1",
        "HOME": "/home/x",
        "REPLICA_INDEX": "0",
        "RECONCILER_PROCESS": "web-0",
        "RECONCILER_REVISION": "r1",
    }


async def test_a_secret_is_in_one_private_file_only(stack: Stack) -> None:
    """The child gets it; no other file, argument, log or observation holds it."""
    secret = Sealed.of("canary-secret", b"key")
    _, env = await dumped(stack, env={"KEY": secret})
    assert env["KEY"] == "canary-secret"
    (stack.state_dir / "dump.json").unlink()
    holders = {
        path
        for path in stack.state_dir.rglob("*")
        if path.is_file() and b"canary-secret" in path.read_bytes()
    }
    assert holders == {stack.record}
    assert stat.S_IMODE(stack.record.stat().st_mode) == 0o600
    seen = await stack.see()
    assert "canary" not in repr(seen)
    assert seen.state.env["KEY"] == secret
    await stack.go(web(env={"KEY": Sealed.of("other", b"key")}))
    assert (await stack.see()).state.env["KEY"] == Sealed.of("other", b"key")


async def test_many_are_created_with_one_reading(stock: Stack) -> None:
    """Supervisord reads its file once for all of them, and once for none of a later edit."""
    await stock.go(web(replicas=30))
    assert stock.wire.methods.count("reloadConfig") == 1
    stock.wire.methods.clear()
    await stock.go(web(replicas=30, env={"A": "1"}))
    assert "reloadConfig" not in stock.wire.methods
    assert stock.wire.methods.count("startProcess") == 30


@pytest.mark.parametrize("damage", ["removed", "torn", "edited"])
async def test_a_damaged_record_heals_without_a_restart(stack: Stack, damage: str) -> None:
    """What runs is known from its run record, so only the file is written anew."""
    await stack.go(web())
    pid, content = await stack.pid(), stack.record.read_bytes()
    if damage == "removed":
        stack.record.unlink()
    else:
        bad = content[:50] if damage == "torn" else content.replace(b"1000", b"1001")
        stack.record.write_bytes(bad)
    assert not (await stack.see()).state.installed
    await stack.go(web())
    assert stack.record.read_bytes() == content
    assert await stack.pid() == pid


@pytest.mark.parametrize("damage", ["removed", "empty", "edited"])
async def test_a_damaged_file_heals_without_a_restart(stock: Stack, damage: str) -> None:
    """Nothing is taken for deleted because supervisord's file was."""
    await stock.go(web(), web("other"))
    pid, content = await stock.pid(), stock.programs.read_text()
    if damage == "removed":
        stock.programs.unlink()
    else:
        edited = content.replace("[program:web-0]", "[program:web-0]\nenvironment=A=1")
        stock.programs.write_text("" if damage == "empty" else edited)
    await stock.go(web(), web("other"))
    assert stock.programs.read_text() == content
    assert await stock.pid() == pid


async def test_a_file_of_somebody_else_is_not_overwritten(stock: Stack) -> None:
    """The kind is unknown until it is moved away."""
    stock.programs.write_text("[program:theirs]\ncommand=/bin/true\n")
    with pytest.raises(Terminal, match="move it away"):
        await stock.driver.observe()


async def test_a_process_nobody_can_account_for_is_restarted(stock: Stack) -> None:
    """Without its run record nothing says what it was started with."""
    await stock.go(web())
    pid = await stock.pid()
    (stock.state_dir / "run/processes/web-0.json").unlink()
    assert (await stock.see()).state.argv == ()
    await stock.go(web())
    assert await stock.pid() != pid


async def test_a_missing_folder_is_named(stack: Stack) -> None:
    """It waits for the folder, and says who owns what is there of it."""
    outcome = await stack.once(web(workingDir="/tmp/none/such"))
    (failure,) = outcome.failures.values()
    assert isinstance(failure, Transient)
    assert failure.reason == "WorkingDirMissing"
    assert "/tmp belongs to root" in str(failure)


async def test_a_program_that_cannot_run_says_why(stock: Stack) -> None:
    """The launcher's words reach the health of the process."""
    await stock.go(web(command=["no-such-program"]))

    async def said() -> bool:
        return "not found in PATH" in KIND.health(await stock.see()).message

    await eventually_async(said)


async def test_an_end_that_was_meant_stays(stack: Stack) -> None:
    """A process that is not restarted is completed, in sync, and can be stopped and started."""
    job = {"command": ["/bin/true"], "restart": {"policy": "never"}}
    await stack.go(web(**job))

    async def completed() -> bool:
        return bool((await stack.see()).vitals["state"] == "completed")

    await eventually_async(completed)
    plan = (await stack.go(web(**job)))[0].plan
    assert plan.steps == plan.due == ()
    await stack.go(web(**job, enabled=False))
    assert (await stack.see()).vitals["state"] == "stopped"


async def test_a_stubborn_process_is_killed_in_later_passes(stack: Stack) -> None:
    """The driver does not wait for its grace; with its group it is gone in the end."""
    line = "trap '' TERM; sleep 1008 & while :; do sleep 1; done"
    stubborn = web(command=["/bin/bash", "-c", line], stop={"grace": "1s"})
    await stack.go(stubborn)
    pid = await stack.pid()
    await eventually_async(lambda: _group(pid) > 1)
    outcomes = await stack.go()
    assert any(outcome.failures for outcome in outcomes)
    assert _group(pid) == 0


def _group(pid: int) -> int:
    """How many processes live in the group of ``pid``."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        count += int(fields[2]) == pid and fields[0] != "Z"
    return count


async def test_a_path_in_the_log_is_whole(stack: Stack) -> None:
    """Readers of the vitals find the log wherever they are."""
    await stack.go(web())
    assert (await stack.see()).vitals["log"] == str(stack.state_dir / "log/web-0.log")


async def test_a_dead_supervisord_is_unknown(stack_dir: Path) -> None:
    """Nobody there is a failure, never an empty world."""
    stack = Stack(stack_dir)
    with pytest.raises(Transient):
        await stack.driver.observe()
    await stack.rpc.aclose()
