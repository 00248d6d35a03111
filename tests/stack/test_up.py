from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.clients.supervisord import Supervisord
from reconciler.kinds.process.actions import Keep, Start, WriteRecord
from reconciler.kinds.process.driver import ProcessDriver
from reconciler.kinds.process.layout import Layout
from reconciler.kinds.process.state import Program
from reconciler.stack.answer import answers
from reconciler.stack.kernel import descendants, is_zombie, start_time
from reconciler.stack.place import Place, holder
from reconciler.stack.up import ALREADY_RUNNING, COULD_NOT, INTERRUPTED, OK
from reconciler.testing import eventually
from reconciler.testing.process import running_stack, stop_stack

pytestmark = pytest.mark.real

FAMILY = "sleep 1007 & setsid sleep 1007 & (setsid sh -c 'sleep 1007 & sleep 1007' &) ; sleep 1007"


def start(state_dir: Path, *argv: str, keeper: str = "full") -> None:
    """Keep and start one program, as the operator would."""

    async def go() -> None:
        rpc = Supervisord(state_dir / "run/supervisor.sock")
        driver = ProcessDriver(rpc, Layout(state_dir), stock=keeper == "off")
        program = Program(argv=argv, inherit_env=("PATH",), working_dir="/tmp")
        for action in (
            WriteRecord("web-0", program, "r"),
            Keep("web-0", program),
            Start("web-0", program),
        ):
            await driver.apply(action)
        await rpc.aclose()

    asyncio.run(go())


def family(state_dir: Path) -> set[int]:
    """Every process that the program and its children are."""
    tag = b"RECONCILER_PROCESS=web-0"
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "environ").read_bytes().split(b"\0")
            ours = tag in words and f"STACK={state_dir}".encode() in words
        except OSError:
            continue
        if ours and not is_zombie(int(path.name)):
            found.add(int(path.name))
    return found


def start_family(state_dir: Path, keeper: str = "full") -> set[int]:
    tag = f"STACK={state_dir}"
    start(state_dir, "/usr/bin/env", tag, "/bin/bash", "-c", FAMILY, keeper=keeper)
    return set(eventually(lambda: (f := family(state_dir)) and len(f) == 6 and f))


def is_supervisord(pid: int) -> bool:
    try:
        return b"supervisor.supervisord" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return False


def supervisord_of(parent: subprocess.Popen[bytes]) -> int:
    """Its own child: for a moment what supervisord starts is a copy of it, with its name."""

    def found() -> int | None:
        named = {pid for pid in descendants(parent.pid) if is_supervisord(pid)}
        return next(iter(named - descendants(*named)), None)

    return int(eventually(found))


@pytest.fixture
def parent(stack_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    with running_stack(stack_dir, environ={"MY_TOKEN": "canary-1", "PLAIN": "canary-2"}) as parent:
        yield parent


def test_a_killed_supervisord_leaves_no_orphan(
    parent: subprocess.Popen[bytes], stack_dir: Path
) -> None:
    """Its children, and what left their session, are gone before another one answers."""
    start_family(stack_dir)
    old = supervisord_of(parent)
    os.kill(old, signal.SIGKILL)
    place = Place(stack_dir, stack_dir)
    eventually(lambda: supervisord_of(parent) != old and answers(place), 20)
    assert family(stack_dir) == set()


def test_the_end_leaves_nothing(parent: subprocess.Popen[bytes], stack_dir: Path) -> None:
    """Asked to stop, it ends everything in order, and says that all is well."""
    start_family(stack_dir)
    assert stop_stack(parent) == OK
    assert family(stack_dir) == set()
    assert not (stack_dir / "run/environ").exists()
    assert (stack_dir / "run/up.lock").read_text() == ""  # that number may be another's soon


def test_an_interrupt_is_told_apart(parent: subprocess.Popen[bytes]) -> None:
    """Ctrl-C ends the stack with 130."""
    parent.send_signal(signal.SIGINT)
    assert parent.wait(20) == INTERRUPTED


def test_a_second_one_says_so(parent: subprocess.Popen[bytes], stack_dir: Path) -> None:
    """It starts nothing and has a code of its own."""
    command = [sys.executable, "-m", "reconciler.stack.up", "--state-dir", str(stack_dir)]
    second = subprocess.run(
        [*command, "--specs", "/tmp"], capture_output=True, text=True, check=False
    )
    assert second.returncode == ALREADY_RUNNING
    assert "already running" in second.stderr


def take_away(folder: Path) -> None:
    """Remove a folder in one go, though somebody is writing in it."""
    gone = folder.with_name(f"{folder.name}-gone")
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def test_a_state_directory_that_is_taken_away_is_made_anew(
    parent: subprocess.Popen[bytes], stack_dir: Path
) -> None:
    """Nobody could reach the old processes any more: they end, and the stack answers again."""
    start_family(stack_dir)
    old = supervisord_of(parent)
    take_away(stack_dir)
    place = Place(stack_dir, stack_dir)
    eventually(lambda: answers(place) and supervisord_of(parent) != old, 30)
    assert family(stack_dir) == set()
    assert holder(place) == parent.pid
    assert stop_stack(parent) == OK


def test_a_stack_that_lost_its_place_to_another_ends(
    parent: subprocess.Popen[bytes], stack_dir: Path
) -> None:
    """Two never live in one state directory, and the later one keeps all it has."""
    os.kill(parent.pid, signal.SIGSTOP)
    take_away(stack_dir)
    with running_stack(stack_dir) as second:
        os.kill(parent.pid, signal.SIGCONT)
        assert parent.wait(20) == COULD_NOT
        place = Place(stack_dir, stack_dir)
        assert answers(place)
        assert place.environ.exists()
        assert holder(place) == second.pid


def test_stopped_and_continued_it_goes_on(parent: subprocess.Popen[bytes], stack_dir: Path) -> None:
    """Ctrl-Z and `fg` end nothing, however long it was between them."""
    before = supervisord_of(parent)
    os.kill(parent.pid, signal.SIGSTOP)
    time.sleep(1.2)  # longer than it waits for a signal: what is tested is the passing of time
    os.kill(parent.pid, signal.SIGCONT)
    time.sleep(0.3)
    assert supervisord_of(parent) == before
    assert stop_stack(parent) == OK


def test_git_ignores_the_state_directory(parent: subprocess.Popen[bytes], stack_dir: Path) -> None:
    """What holds secrets is not committed by an unthinking `git add`."""
    assert parent.poll() is None
    for words in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", "-C", str(stack_dir), *words], check=True)
    seen = subprocess.run(
        ["git", "-C", str(stack_dir), "status", "--short"], capture_output=True, check=True
    )
    assert seen.stdout == b""


def test_secrets_stay_out_of_supervisord(parent: subprocess.Popen[bytes], stack_dir: Path) -> None:
    """It gets nothing but harmless names; the operator finds the rest in a private file."""
    environ = Path(f"/proc/{supervisord_of(parent)}/environ").read_bytes()
    assert b"canary" not in environ
    handed_over = stack_dir / "run/environ"
    assert b"MY_TOKEN=canary-1" in handed_over.read_bytes().split(b"\0")
    assert stat.S_IMODE(handed_over.stat().st_mode) == 0o600
    assert stat.S_IMODE((stack_dir / "run").stat().st_mode) == 0o700


def test_what_a_killed_parent_left_is_ended(
    parent: subprocess.Popen[bytes], stack_dir: Path
) -> None:
    """The next one ends the old supervisord and its programs before it begins."""
    start(stack_dir, "/usr/bin/env", f"STACK={stack_dir}", "/bin/sh", "-c", "sleep 1007; true")
    members = eventually(lambda: (f := family(stack_dir)) and len(f) == 2 and f)
    old = supervisord_of(parent)
    os.kill(old, signal.SIGSTOP)  # it cannot even notice that its parent is gone
    try:
        parent.kill()
        parent.wait()
        leader = min(members)
        with running_stack(stack_dir) as following:
            eventually(lambda: start_time(old) is None or is_zombie(old), 20)
            eventually(lambda: start_time(leader) is None or is_zombie(leader), 20)
            assert supervisord_of(following) != old
    finally:
        with suppress(ProcessLookupError):
            os.kill(old, signal.SIGKILL)


def test_a_parent_that_dies_takes_supervisord_along(
    parent: subprocess.Popen[bytes], stack_dir: Path
) -> None:
    """Nobody keeps running unsupervised."""
    start(stack_dir, "/bin/sleep", "1000")
    old = supervisord_of(parent)
    parent.kill()
    parent.wait()
    eventually(lambda: start_time(old) is None or is_zombie(old), 20)


def test_detached_it_returns_when_supervisord_answers(stack_dir: Path) -> None:
    """The caller may go on at once."""
    command = [sys.executable, "-m", "reconciler.stack.up", "--no-operator", "--detach"]
    command += ["--state-dir", str(stack_dir), "--specs", "/tmp"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    try:
        assert done.returncode == OK, done.stderr
        assert answers(Place(stack_dir, stack_dir))
    finally:
        # It takes connections a moment before it writes down who it is.
        pid = eventually(lambda: int((stack_dir / "run/supervisord.pid").read_text() or "0"))
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGTERM)
        eventually(lambda: start_time(parent) is None or is_zombie(parent), 20)


@pytest.mark.parametrize("keeper", ["full", "off"])
@pytest.mark.parametrize("name", ["with space", "50% (x)", "ünï", "a;b,c=d'e"])
def test_odd_paths_work(stack_dir: Path, name: str, keeper: str) -> None:
    """Spaces, percent signs and the like in the state folder's path are nothing special."""
    folder = stack_dir / name
    with running_stack(folder, keeper=keeper):
        start(folder, "/bin/sh", "-c", "echo hello; exec sleep 1000", keeper=keeper)
        log = folder / "log/web-0.log"
        assert eventually(lambda: log.exists() and log.read_text()).endswith("hello\n")


@pytest.mark.parametrize("name", ['quo"te', "star*", "semi ;colon", "new\nline", "x" * 120])
def test_impossible_paths_are_refused(stack_dir: Path, name: str) -> None:
    """What supervisord's file or a socket cannot hold is an error that says so."""
    folder = stack_dir / name
    with running_stack(folder) as parent:
        assert parent.wait(20) == COULD_NOT
        assert b"error: " in parent.communicate()[1]
    assert not folder.exists()
