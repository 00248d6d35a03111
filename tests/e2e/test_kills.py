"""kill -9 of anything heals: no duplicate, no orphan, nothing lost."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from reconciler.testing import eventually

from .small import EXPECTED, Small, make_small

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ROUNDS = range(8 if os.environ.get("RECONCILER_SOAK") == "1" else 1)
LOCKS = ("index.lock", "HEAD.lock", "shallow.lock", "packed-refs.lock", "refs/heads/main.lock")
MANY = """\
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: many}
spec: {command: [sleep, "86400"], replicas: 6}
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Small]:
    """One stack for all of these: it must be whole after each."""
    with make_small() as stack:
        stack.up()
        yield stack


@pytest.fixture
def stack(running: Small) -> Small:
    running.whole()
    return running


def kill(process: psutil.Process) -> None:
    """As the kernel does when memory is short."""
    process.kill()
    eventually(lambda: not is_there([process]))


def is_there(processes: list[psutil.Process]) -> bool:
    """Whether one of them still runs."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("name", ["brood-0", "web-0", "writer-0"])
def test_a_killed_process(stack: Small, name: str, turn: int) -> None:
    """It is there again, once, with all it started; nothing else is touched."""
    before = stack.pids()
    kill(psutil.Process(before[name]))
    eventually(lambda: stack.pids().get(name, before[name]) != before[name], 20)
    stack.whole()
    assert {**before, name: 0} == {**stack.pids(), name: 0}


@pytest.mark.parametrize("turn", ROUNDS)
def test_a_killed_gateway(stack: Small, turn: int) -> None:
    """It comes back with the last good table, and no worker of the old one serves any more."""
    pids, master = stack.pids(), stack.system("gateway")
    family = [master, *master.children(recursive=True)]
    kill(master)
    eventually(lambda: stack.system("gateway").pid != master.pid, 20)
    eventually(lambda: stack.fetch("/") == (200, "the site\n"), 20)
    assert stack.fetch("/old") == (301, "/")
    stack.whole()
    eventually(lambda: not is_there(family))
    assert stack.pids() == pids


def settled_supervisord(stack: Small) -> psutil.Process:
    """A supervisord that lives long enough to be replaced at once: one that dies young waits."""
    supervisord = stack.system("supervisord")
    often = len(ROUNDS) > 1
    eventually(lambda: not often or time.time() - supervisord.create_time() > 12, 20, every=0.5)
    return supervisord


@pytest.mark.parametrize("turn", ROUNDS)
def test_a_killed_supervisord(stack: Small, turn: int) -> None:
    """Everything of its time ends before another one starts the same again."""
    supervisord = settled_supervisord(stack)
    assert stack.process is not None
    family = [one for one in stack.running() if one.pid != stack.process.pid]
    kill(supervisord)
    eventually(lambda: not is_there(family), 20)
    stack.whole()
    assert stack.fetch("/") == (200, "the site\n")


@pytest.mark.parametrize("turn", ROUNDS)
def test_an_operator_killed_in_an_apply(stack: Small, turn: int) -> None:
    """What it had begun is finished, once, and what was not asked for is not touched."""
    web, brood = stack.root / "specs" / "web.yaml", stack.root / "specs" / "brood.yaml"
    calm = (web.read_text(), brood.read_text())
    before, operator = stack.pids(), stack.system("reconciler")
    try:
        web.write_text(calm[0] + MANY)
        brood.write_text(calm[1] + "  env: {COLOUR: green}\n")
        stack.commit("many, and a green brood that takes a second to stop")
        if turn:
            time.sleep(random.random())
        else:
            eventually(lambda: "many-0" in stack.tagged())
        kill(operator)
        eventually(lambda: stack.tagged().get("many-5"), 20)
        stack.settle()
        wanted = EXPECTED | {f"many-{index}": 1 for index in range(6)}
        eventually(lambda: stack.tagged() == wanted)
        after = stack.pids()
        assert after["brood-0"] != before["brood-0"]
        assert (after["web-0"], after["writer-0"]) == (before["web-0"], before["writer-0"])
    finally:
        web.write_text(calm[0])
        brood.write_text(calm[1])
        stack.commit("calm again")
    stack.whole()


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("also", ["git alone", "the operator too"])
def test_git_killed_in_a_push(stack: Small, also: str, turn: int) -> None:
    """What git left locked is cleared, and what was written meanwhile reaches the remote."""
    text, posts = f"{also} {turn}", stack.server.desk.requests
    seen = len(posts)
    stack.hold.touch()
    (stack.root / "data" / "note.txt").write_text(text)

    def pushes() -> bool:
        assert any("receive-pack" in post for post in posts[seen:]), (
            stack.resource("SyncTarget/data"),
            stack.resource("Repository/backup"),
            posts[seen:],
        )
        return True

    try:
        eventually(pushes, 60, every=0.01)
        for process in eventually(lambda: stack.at_work("push", "remote-http")):
            with suppress(psutil.NoSuchProcess):
                for one in (*process.children(recursive=True), process):
                    one.kill()
        for lock in LOCKS:
            (stack.state / "state" / "repos" / "backup.git" / lock).touch()
        if also == "the operator too":
            kill(stack.system("reconciler"))
    finally:
        stack.hold.unlink()  # or every later push of this stack would hang
    note = ("show", "main:data/note.txt")
    eventually(lambda: stack.read_remote(stack.remote, *note) == text.encode(), 40)
    lines = stack.lines()
    eventually(lambda: stack.kept_lines() >= lines, 40, every=0.1)
    assert stack.read_remote(stack.remote, "fsck", "--strict", "--no-dangling") == b""
    stack.whole()


@pytest.mark.parametrize("turn", ROUNDS)
def test_all_of_it_at_once(stack: Small, turn: int) -> None:
    """Gateway, operator and a process die together, supervisord right after; all comes back."""
    supervisord, before = settled_supervisord(stack), stack.lines()
    victims = [stack.system("gateway"), stack.system("reconciler")]
    victims.append(psutil.Process(stack.pids()["writer-0"]))
    for process in victims:
        process.send_signal(signal.SIGKILL)
    kill(supervisord)
    eventually(lambda: stack.fetch("/") == (200, "the site\n"), 30)
    stack.whole()
    assert stack.lines() >= before
    assert stack.found() == sorted(stack.found())
