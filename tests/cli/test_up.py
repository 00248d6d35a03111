"""up: one command runs everything, says what runs where, and takes it down again."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from reconciler.cli import up as ups
from reconciler.settings import ROOT_NOTE, Settings
from reconciler.stack.place import Place, holder, is_ending, note_ending, open_lock, prepare
from reconciler.testing import eventually

from .starting import SPEC, Start, finish, running, start

__all__ = ["start"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


@contextmanager
def deadline(child: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    """Ends a child that does not say what is waited for."""
    timer = threading.Timer(seconds, child.kill)
    timer.start()
    yield
    timer.cancel()


def test_up_says_what_runs_and_ends_on_ctrl_c(start: Start, stack_dir: Path) -> None:
    """A table once it has converged; a second up changes nothing; Ctrl-C leaves nothing."""
    first = start("up")
    assert first.stdout
    rows: list[str] = []
    with deadline(first, 30):  # what is said of the revision comes between, while it is not settled
        while not any("Process/web-0" in row for row in rows):
            rows.append(first.stdout.readline())
    found = re.findall(r"Process/web-0 +Healthy +running +([0-9]+)", "".join(rows))
    assert len(found) == 1, rows
    web = found[0]

    code, out, err = finish(start("up"))
    assert (code, web in out) == (0, True)
    assert "already running" in err
    assert finish(start("diff"))[0] == 0
    assert finish(start("apply", "--wait"))[0] == 0
    assert psutil.pid_exists(int(web))

    first.send_signal(signal.SIGINT)
    code, _, err = finish(first)
    assert code == 130, err
    assert eventually(lambda: not running(stack_dir))


@pytest.mark.parametrize(("source", "code"), [("git", 2), ("files", 2), ("worktree", 0), ("", 0)])
def test_up_with_the_work_tree_is_no_plain_up(
    reconciler: Any, operator: Any, stack_dir: Path, source: str, *, code: int
) -> None:
    """A stack that follows commits is not taken for one that takes the files as they are."""
    (stack_dir / "specs").mkdir()
    operator.pages["GET status"] = {**operator.pages["GET status"], "source": source}
    lock = open_lock(Place(stack_dir, stack_dir / "specs"))
    assert lock is not None
    try:
        said = reconciler("up", "--worktree")
        plain = reconciler("up")
    finally:
        os.close(lock)
    assert (said.code, plain.code) == (code, 0)
    assert ("it follows HEAD" in said.err) is ("`reconciler down` comes first" in said.err)
    assert ("it follows HEAD" in said.err) is (code == 2)
    assert ("nothing to do" in said.err) is (code == 0)


def test_up_does_not_wait_for_broken_specs_to_mend(start: Start, stack_dir: Path) -> None:
    """What is wrong is said as soon as all the rest stands, not after a minute."""
    (stack_dir / "specs" / "broken.yaml").write_text("kind: Nothing\n")
    first = start("up")
    assert first.stdout
    rows: list[str] = []
    with deadline(first, 30):
        while not any("broken.yaml" in row for row in rows):
            rows.append(first.stdout.readline())
            assert rows[-1], rows
    assert "not in sync" in rows[0]
    first.send_signal(signal.SIGINT)
    assert finish(first)[0] == 130


def test_up_can_leave_the_terminal(start: Start, stack_dir: Path) -> None:
    """``--detach`` returns when all is healthy, and ``down`` when nothing runs any more."""
    code, out, err = finish(start("up", "--detach"))
    assert code == 0, err
    assert re.search(r"Process/web-0 +Healthy +running", out)
    code, out, _ = finish(start("describe", "web"))
    assert code == 0
    assert "specs/web.yaml:2" in out or "specs/web.yaml:1" in out
    code, _, err = finish(start("down"))
    assert (code, running(stack_dir)) == (0, [])
    assert "stopped" in err
    assert finish(start("down"))[0] == 0


STUBBORN = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: stubborn}
spec:
  command: [bash, -c, "trap '' TERM; touch deaf; while :; do read -t 1 <> <(:) || :; done"]
  stop: {grace: 6s}
"""


def test_up_waits_for_the_end_of_a_stack_that_is_being_stopped(
    start: Start, stack_dir: Path
) -> None:
    """It says so, and begins anew; status says so too as long as somebody answers."""
    (stack_dir / "specs" / "stubborn.yaml").write_text(STUBBORN)
    place = Place(stack_dir, stack_dir / "specs")
    assert finish(start("up", "--detach"))[0] == 0
    eventually((stack_dir / "deaf").exists)
    before = holder(place)
    ends = start("down")
    eventually(lambda: is_ending(place))
    assert "the stack is being stopped" in finish(start("status"))[1]
    code, out, err = finish(start("up", "--detach"))
    assert code == 0, err
    assert "is being stopped; it is started when that is done" in err
    assert "already running" not in err
    assert re.search("Process/web-0 +Healthy +running", out)
    assert finish(ends)[0] == 0
    assert holder(place) not in {None, before}
    assert not is_ending(place)


def test_a_second_up_waits_for_nothing(start: Start, stack_dir: Path) -> None:
    """Where something never becomes well, that the stack runs is said with its status, and is 0."""
    never = SPEC.replace("name: web", "name: never")
    never += '  probes: {readiness: {exec: ["false"]}}\n'
    assert finish(start("up", "--detach"))[0] == 0
    (stack_dir / "specs" / "never.yaml").write_text(never)
    eventually(lambda: "Process/never-0" in finish(start("status"))[1])
    code, out, err = finish(start("up"))
    assert (code, "already running" in err) == (0, True)
    assert "not ready: Process/never-0" in out


def test_up_refuses_a_port_that_is_taken(start: Start, stack_dir: Path, free_port: int) -> None:
    """2, with the port, its owner, and where the port is written; nothing is started."""
    gateway = "apiVersion: reconciler.dev/v1\nkind: Gateway\nmetadata: {name: gateway}\n"
    (stack_dir / "specs" / "gateway.yaml").write_text(f"{gateway}spec: {{listen: {free_port}}}\n")
    with socket.create_server(("127.0.0.1", free_port)):
        code, out, err = finish(start("up"))
    assert (code, out) == (2, "")
    assert f"port {free_port} is taken by " in err
    assert f"(pid {os.getpid()})" in err
    assert "specs/gateway.yaml" in err
    assert running(stack_dir) == []


def test_up_without_specs_says_where_it_looked(reconciler: Any) -> None:
    """A wrong folder is said before anything is made there."""
    code, _, err = reconciler("up")
    assert code == 2
    assert "there is no folder" in err


def test_who_only_looks_is_no_stack(stack_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A doctor or a `down` has the lock for a moment: that is not taken for a stack that runs."""
    place = Place(stack_dir, stack_dir / "specs")
    prepare(place)
    looked = open_lock(place)
    assert looked is not None
    monkeypatch.setattr(ups.time, "sleep", lambda _: os.close(looked))
    assert not ups.is_running(place)


@pytest.mark.parametrize("detach", [True, False])
def test_a_program_whose_stack_came_first_keeps_its_root(
    reconciler: Any, stack_dir: Path, monkeypatch: pytest.MonkeyPatch, *, detach: bool
) -> None:
    """An `up` that comes second takes nothing away from the stack that runs."""
    (stack_dir / "specs").mkdir()
    note = Settings(specs=stack_dir / "specs", state_dir=stack_dir).declared / ROOT_NOTE
    note.parent.mkdir(parents=True)
    note.write_text(str(stack_dir))
    place = Place(stack_dir, stack_dir / "specs")
    prepare(place)
    seen = iter([False, True])  # it comes between the look and the start
    monkeypatch.setattr(ups, "is_running", lambda _: next(seen))
    monkeypatch.setattr(ups, "_fork_announcer", lambda *_: 0)
    monkeypatch.setattr(ups, "_end", lambda _: None)
    monkeypatch.setattr(ups, "_already", lambda *_: 0)
    lock = open_lock(place)
    assert lock is not None
    try:
        assert reconciler("up", *["--detach"] * detach).code == 0
    finally:
        os.close(lock)
    assert note.exists()
    assert next(seen, None) is None


def test_an_end_is_not_waited_for_without_end(
    reconciler: Any, stack_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a stack does not end, that is said, and what can be done."""
    (stack_dir / "specs").mkdir()
    place = Place(stack_dir, stack_dir / "specs")
    prepare(place)
    lock = open_lock(place)
    assert lock is not None
    monkeypatch.setattr(ups, "LONGEST", 0.1)
    note_ending(lock, pid=os.getpid())
    try:
        said = reconciler("up")
    finally:
        os.close(lock)
    assert (said.code, said.out) == (2, "")
    assert "has not ended within" in said.err
    assert "`reconciler down`" in said.err
