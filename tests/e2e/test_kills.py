"""kill -9 of anything heals: no duplicate, no orphan, nothing lost."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator

import psutil
import pytest

from reconciler.testing import eventually

from .small import Small, make_small

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ROUNDS = 8 if os.environ.get("RECONCILER_SOAK") == "1" else 1
LOCKS = ("index.lock", "HEAD.lock", "shallow.lock", "packed-refs.lock", "refs/heads/main.lock")


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
    eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize("name", ["brood-0", "web-0", "writer-0"])
def test_a_killed_process(stack: Small, name: str) -> None:
    """It is there again, once, with all it started; nothing else is touched."""
    for _ in range(ROUNDS):
        before = stack.pids()
        kill(psutil.Process(before[name]))
        eventually(lambda old=before[name]: stack.pids().get(name, old) != old, 20)
        stack.whole()
        after = stack.pids()
        assert {**before, name: 0} == {**after, name: 0}


def test_a_killed_gateway(stack: Small) -> None:
    """It comes back with the last good table, and no worker of the old one serves any more."""
    for _ in range(ROUNDS):
        pids, master = stack.pids(), stack.system("gateway")
        family = [master, *master.children(recursive=True)]
        kill(master)
        eventually(lambda old=master.pid: stack.system("gateway").pid != old, 20)
        eventually(lambda: stack.fetch("/") == (200, "the site\n"), 20)
        assert stack.fetch("/old") == (301, "/")
        stack.whole()
        eventually(lambda old=family: not any(process.is_running() for process in old))
        assert stack.pids() == pids


def test_a_killed_supervisord(stack: Small) -> None:
    """Everything of its time ends before another one starts the same again."""
    for _ in range(ROUNDS):
        old = [process for process in stack.running() if process.pid != stack_pid(stack)]
        kill(stack.system("supervisord"))
        eventually(lambda was=old: not any(process.is_running() for process in was), 20)
        stack.whole()
        assert stack.fetch("/") == (200, "the site\n")


def stack_pid(stack: Small) -> int:
    assert stack.process is not None
    return stack.process.pid


def test_an_operator_killed_in_an_apply(stack: Small) -> None:
    """Whatever it had begun is finished once, and what was not asked for is not touched."""
    spec = stack.root / "specs" / "web.yaml"
    calm = spec.read_text()
    try:
        for number in range(ROUNDS + 1):
            others = {name: pid for name, pid in stack.pids().items() if name != "brood-0"}
            many = "apiVersion: reconciler.dev/v1\nkind: Process\nmetadata: {name: many}\nspec:\n"
            many += f"  command: [sleep, '8640{number % 2}']\n  replicas: 6\n"
            spec.write_text(calm + "---\n" + many)
            operator = stack.system("reconciler")
            started = stack.tagged().total()
            stack.commit(f"round {number}")
            patience = random.random() * 0.3 if number else 0.0  # noqa: S311 (dice)
            eventually(lambda was=started: stack.tagged().total() != was or patience)
            kill(operator)
            eventually(lambda: stack.tagged().get("many-5") == 1, 20)
            stack.settle()
            eventually(lambda: stack.tagged()["brood-0"] == 2)
            found = stack.tagged()
            assert {found[f"many-{index}"] for index in range(6)} == {1}, found
            now = stack.pids()
            assert {name: now[name] for name in others if name in calm} == {
                name: pid for name, pid in others.items() if name in calm
            }
    finally:
        spec.write_text(calm)
        stack.commit("calm again")
    stack.whole()


def pushes(stack: Small) -> list[psutil.Process]:
    """The git processes of the stack that talk to the remote."""
    found = []
    for process in psutil.process_iter():
        try:
            words, folder = process.cmdline(), process.environ().get("GIT_DIR", "")
        except psutil.Error:
            continue
        if str(stack.root) in folder and {"push", "remote-http", "send-pack"} & set(words):
            found.append(process)
    return found


@pytest.mark.parametrize("also", ["git alone", "the operator too"])
def test_git_killed_in_a_push(stack: Small, also: str) -> None:
    """What git left locked is cleared, and what was written meanwhile reaches the remote."""
    for number in range(ROUNDS):
        stack.hold.touch()
        (stack.root / "data" / "note.txt").write_text(f"{also} {number}")
        posts = stack.server.desk.requests
        seen = len(posts)
        eventually(lambda: any("receive-pack" in post for post in posts[seen:]), 20)
        victims = eventually(lambda: pushes(stack))
        for process in victims:
            with_children(process, psutil.Process.kill)
        for lock in LOCKS:
            (stack.state / "state" / "repos" / "backup.git" / lock).touch()
        if also == "the operator too":
            kill(stack.system("reconciler"))
        stack.hold.unlink()
        text = f"{also} {number}".encode()
        eventually(
            lambda: stack.read_remote(stack.remote, "show", "main:data/note.txt") == text, 40
        )
        lines = stack.lines()
        eventually(lambda: stack.kept_lines() >= lines, 40, every=0.1)
        assert b"" == stack.read_remote(stack.remote, "fsck", "--strict", "--no-dangling")
    stack.whole()


def with_children(process: psutil.Process, act: Callable[[psutil.Process], None]) -> None:
    """Do it to a process and all below it; some may be gone already."""
    try:
        for one in (*process.children(recursive=True), process):
            act(one)
    except psutil.NoSuchProcess:
        pass


def test_all_of_it_at_once(stack: Small) -> None:
    """Gateway, operator and a process die together, supervisord right after; all comes back."""
    for _ in range(ROUNDS):
        before = stack.lines()
        victims = [stack.system("gateway"), stack.system("reconciler")]
        victims.append(psutil.Process(stack.pids()["writer-0"]))
        for process in victims:
            process.send_signal(signal.SIGKILL)
        kill(stack.system("supervisord"))
        eventually(lambda: stack.fetch("/") == (200, "the site\n"), 30)
        stack.whole()
        assert stack.lines() >= before
        assert stack.found() == sorted(stack.found())
