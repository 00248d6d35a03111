"""A new instance is put beside the old one, and takes over once it has proven itself."""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest

from reconciler.testing import eventually

from .herd import Herd, make_herd

SOAK = os.environ.get("RECONCILER_SOAK") == "1"

pytestmark = [pytest.mark.real, pytest.mark.timeout(900 if SOAK else 180)]

READY = "  readiness: {tcp: {port: http}, period: 100ms, failureThreshold: 2}"
PARTS = (
    "ports: [{name: http, port: auto}]",
    "probes:",
    READY,
)


def rollout(**more: str) -> str:
    """The line about it; quick unless said."""
    words = {"strategy": "blueGreen", "minHealthyTime": "300ms", "progressDeadline": "20s", **more}
    return f"rollout: {{{', '.join(f'{key}: {value}' for key, value in words.items())}}}"


@pytest.fixture
def herd() -> Iterator[Herd]:
    with make_herd() as stack:
        yield stack


def write(stack: Herd, version: str, *more: str, does: str = "", **parts: str) -> None:
    """Say what serves."""
    env = f"env: {{VERSION: '{version}'}}"
    listens = "exec python3 -m http.server $PORT"
    stack.write("web", *PARTS, env, rollout(**parts), *more, does=does or listens)


def commit(stack: Herd, version: str, *more: str, does: str = "", **parts: str) -> None:
    write(stack, version, *more, does=does, **parts)
    stack.commit(version)


def versions(stack: Herd) -> dict[str, str]:
    """Which version each live instance of web was started as."""
    found = {}
    for name, pid in stack.pids().items():
        with suppress(psutil.Error):
            found[name] = psutil.Process(pid).environ()["VERSION"]
    return found


def serving(stack: Herd) -> list[int]:
    """The processes that serve, whether anybody knows of them or not."""
    found = []
    for process in stack.running():
        with suppress(psutil.Error):
            if "http.server" in process.cmdline():
                found.append(process.pid)
    return found


def conditions(stack: Herd, ref: str) -> dict[str, Any]:
    return {one["type"]: one for one in stack.resource(ref)["conditions"]}


def test_the_new_one_takes_over_when_it_is_ready(herd: Herd) -> None:
    """The old one lives until then, each has a port of its own, and a live change rolls nothing."""
    stack = herd
    write(stack, "one")
    stack.begin()
    stack.up()
    (old,) = stack.pids().values()
    commit(stack, "two", minHealthyTime="3s")
    eventually(lambda: versions(stack) == {"web-0": "one", "web-0b": "two"}, every=0.01)
    told = {one["ref"]: one for one in stack.look()["resources"]}
    assert told["Process/web-0"]["rollout"]["message"].startswith("serves until web-0b has been")
    assert told["Process/web-0b"]["rollout"]["role"] == "coming"
    assert psutil.pid_exists(old)
    diff = stack.command("diff")
    assert diff.returncode == 1
    assert "serves until web-0b" in diff.stdout
    assert "takes over from web-0" in stack.command("status").stdout
    eventually(lambda: versions(stack) == {"web-0b": "two"}, 20)
    stack.settle()
    assert not psutil.pid_exists(old)
    (pid,) = stack.pids().values()
    commit(stack, "two", "stop: {grace: 3s}", minHealthyTime="3s")
    stack.settle()
    assert stack.pids() == {"web-0b": pid}
    commit(stack, "three")
    eventually(lambda: versions(stack) == {"web-0": "three"}, 20)
    assert stack.command("restart", "web", "--wait").returncode == 0
    assert list(stack.pids()) == ["web-0b"]
    stack.settle()
    assert versions(stack) == {"web-0b": "three"}


def test_what_never_gets_ready_is_given_up(herd: Herd) -> None:
    """The old one goes on, also under a new operator, until the spec is edited."""
    stack = herd
    write(stack, "one")
    stack.begin()
    stack.up()
    before = stack.pids()
    commit(stack, "two", does="echo no luck today; exec sleep 1000", progressDeadline="1s")
    eventually(lambda: conditions(stack, "Process/web-0")["Stalled"]["reason"] == "RolloutFailed")
    message = conditions(stack, "Process/web-0")["Stalled"]["message"]
    assert message.startswith("goes on as it was: web-0b was not ready within 1s")
    assert "no luck today" in message
    eventually(lambda: stack.pids() == before)
    stack.kill_operator()
    eventually(lambda: stack.look()["verdict"]["inSync"] is False, 20)
    failed = stack.command("apply", "--wait", "--timeout", "2s")
    assert failed.returncode == 1
    assert "no luck today" in failed.stdout + failed.stderr
    assert stack.pids() == before
    assert stack.starts() == {"web-0": 1, "web-0b": 1}
    stack.ask("restart", "web-0")
    eventually(lambda: stack.starts()["web-0b"] == 2)
    eventually(lambda: conditions(stack, "Process/web-0")["Stalled"]["reason"] == "RolloutFailed")
    eventually(lambda: stack.pids() == before)
    write(stack, "one")
    stack.commit("back")
    stack.settle()
    assert stack.pids() == before
    write(stack, "three", "restart: {backoff: 50ms, maxRetries: 2}", does="echo worse; exit 3")
    stack.commit("three")
    eventually(lambda: conditions(stack, "Process/web-0")["Stalled"]["status"] == "True")
    assert "worse" in conditions(stack, "Process/web-0")["Stalled"]["message"]
    assert stack.pids() == before
    commit(stack, "four")
    eventually(lambda: versions(stack) == {"web-0b": "four"}, 20)
    stack.settle()


def test_whoever_is_killed_it_goes_on_from_there(herd: Herd) -> None:
    """The operator dies anywhere in it: at any moment something serves, in the end the new one."""
    stack = herd
    write(stack, "0")
    stack.begin()
    stack.up()
    seed = secrets.randbelow(10**6)
    dice = random.Random(seed)
    rounds = 12 if SOAK else 1
    for number in range(1, rounds + 1):
        commit(stack, str(number))
        end = time.monotonic() + dice.uniform(0.0, 1.2)
        while time.monotonic() < end:
            assert 1 <= len(serving(stack)) <= 2, seed
        stack.kill_operator()
    eventually(lambda: list(versions(stack).values()) == [str(rounds)], 20)
    stack.settle()
    if not SOAK:
        return
    supervisord = int((stack.state / "run" / "supervisord.pid").read_text())
    commit(stack, "last")
    eventually(lambda: len(stack.pids()) == 2, every=0.01)
    psutil.Process(supervisord).kill()
    eventually(lambda: int((stack.state / "run" / "supervisord.pid").read_text()) != supervisord)
    eventually(lambda: list(versions(stack).values()) == ["last"], 40)
    stack.settle()
