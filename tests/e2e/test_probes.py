"""Processes are probed: what is ready is used, what is broken begins anew, the rest is left."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from reconciler.testing import eventually

from .herd import SLEEPS, Herd, make_herd

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

LATE = 0.8
"""What a busy machine may add to a delay, in seconds."""


@pytest.fixture
def herd() -> Iterator[Herd]:
    with make_herd() as stack:
        ignored = stack.root / ".gitignore"
        ignored.write_text(ignored.read_text() + "/signs/\n")
        (stack.root / "signs").mkdir()
        yield stack


def sign(stack: Herd, name: str) -> Path:
    """A file that probes look for."""
    return stack.root / "signs" / name


def probe(role: str, name: str, **said: Any) -> str:
    """A line under ``probes`` that looks for a sign, quickly."""
    usual = {"period": "100ms", "failureThreshold": 1, **said}
    words = ", ".join(f"{key}: {value}" for key, value in usual.items())
    return f"  {role}: {{file: {{path: signs/{name}}}, {words}}}"


def vitals(stack: Herd, name: str) -> dict[str, Any]:
    return dict(stack.resource(f"Process/{name}")["vitals"])


def is_ready(stack: Herd, name: str) -> bool:
    return bool(vitals(stack, name).get("ready"))


def causes(stack: Herd, name: str) -> list[str]:
    return [one["cause"] for one in vitals(stack, name)["causes"]]


def test_readiness_tells_and_liveness_acts(herd: Herd) -> None:
    """A process that is not ready is left alone; one that is not alive begins anew, slower."""
    stack = herd
    for name in ("ready", "live"):
        sign(stack, name).touch()
    log = 'date +%s.%N >>"signs/$RECONCILER_PROCESS"; ' + SLEEPS
    restart = "restart: {backoff: 400ms, maxBackoff: 10s}"
    probes = ["probes:", probe("readiness", "ready"), probe("liveness", "live")]
    stack.write("web", restart, *probes, does=log)
    stack.begin()
    stack.up()
    pid = stack.pids()["web-0"]
    for _ in range(2):
        sign(stack, "ready").unlink()
        eventually(lambda: not is_ready(stack, "web-0"))
        found = stack.resource("Process/web-0")
        assert found["health"]["code"] == "Degraded"
        assert "signs/ready: no such file" in found["health"]["message"]
        sign(stack, "ready").touch()
        eventually(lambda: is_ready(stack, "web-0"))
    assert stack.pids()["web-0"] == pid

    sign(stack, "live").unlink()
    eventually(lambda: stack.starts()["web-0"] >= 4, 30)
    sign(stack, "live").touch()
    stack.settle()
    assert set(causes(stack, "web-0")) == {"liveness"}
    times = [float(line) for line in sign(stack, "web-0").read_text().split()]
    gaps = [after - before for before, after in pairwise(times)][1:]
    for gap, delay in zip(gaps, (0.8, 1.6), strict=False):
        assert delay <= gap <= delay + LATE, gaps
    detail = vitals(stack, "web-0")["causes"][-1]["detail"]
    assert detail.startswith("the liveness probe fails: ")


def test_startup_gates_and_is_looked_for_in_the_log(herd: Herd) -> None:
    """Until the line is there nothing else is asked; a start that takes too long is tried again."""
    stack = herd
    startup = "  startup: {log: {regex: '^up and (running|away)'}, failureThreshold: 10}"
    does = "while [ ! -e signs/go ]; do sleep 0.05; done; echo up and away; " + SLEEPS
    stack.write(
        "slow",
        "probes:",
        startup,
        probe("liveness", "never", period="1h", failureThreshold=2),
        does=does,
    )
    slower = "  startup: {log: {regex: away}, period: 500ms, failureThreshold: 1}"
    stack.write("late", "restart: {backoff: 0s}", "probes:", slower, does=does)
    stack.begin()
    stack.start()
    eventually(lambda: vitals(stack, "slow-0").get("probes"), 20)
    told = vitals(stack, "slow-0")["probes"]
    assert told["startup"]["verdict"] == "unknown"
    assert told["liveness"] == {**told["liveness"], "verdict": "success", "failures": 0}
    assert not is_ready(stack, "slow-0")
    eventually(lambda: stack.starts()["late-0"] >= 2, 20)
    eventually(lambda: set(causes(stack, "late-0")) == {"liveness"})
    sign(stack, "go").touch()
    eventually(lambda: is_ready(stack, "slow-0") and is_ready(stack, "late-0"), 20)
    assert stack.starts()["slow-0"] == 1
    assert vitals(stack, "slow-0")["probes"]["liveness"]["failures"] <= 1


def test_a_dependent_starts_when_its_need_is_ready(herd: Herd) -> None:
    """Not when it is spawned; and then at once, however seldom is looked."""
    stack = herd
    stack.write("db", "probes:", probe("readiness", "ready", period="1h"))
    stack.write("web", "dependsOn: [{ref: Process/db, condition: ready}]")
    stack.begin()
    stack.start()
    eventually(lambda: vitals(stack, "db-0").get("state") == "running", 20)
    eventually(lambda: vitals(stack, "db-0")["probes"]["readiness"]["failures"])
    assert not vitals(stack, "web-0").get("pid")
    assert "waits for Process/db-0 (ready)" in stack.command("diff").stdout
    sign(stack, "ready").touch()
    eventually(lambda: vitals(stack, "web-0").get("pid"), 30)
    stack.settle()


def test_an_operator_that_comes_back_disturbs_nobody(herd: Herd) -> None:
    """Who was ready is ready again, nobody begins anew, and an edit of probes keeps the pid."""
    stack = herd
    for name in ("ready", "live", "started"):
        sign(stack, name).touch()
    lines = [
        "env: {TOKEN: hunter2}",
        "probes:",
        probe("startup", "started"),
        probe("readiness", "ready"),
    ]
    live = "  liveness: {exec: [sh, -c, 'test \"$TOKEN\" = hunter2 && test -e signs/live']}"
    stack.write("web", *lines, live)
    stack.begin()
    stack.up()
    pid = stack.pids()["web-0"]
    stack.kill_operator()
    eventually(lambda: is_ready(stack, "web-0"), 30)
    eventually(lambda: vitals(stack, "web-0")["probes"]["liveness"]["verdict"] == "success", 20)
    assert stack.pids()["web-0"] == pid

    stack.write("web", *lines[:-1], probe("readiness", "other"), live)
    stack.commit("another sign of readiness")
    eventually(lambda: not is_ready(stack, "web-0"))
    assert stack.pids()["web-0"] == pid
    sign(stack, "other").touch()
    stack.settle()
    assert stack.pids()["web-0"] == pid
    assert stack.starts()["web-0"] == 1


def test_without_the_keeper_probes_work_too(herd: Herd) -> None:
    """Over a stock supervisord: readiness gates, liveness restarts."""
    stack = herd
    stack.env["RECONCILER_KEEPER"] = "off"
    sign(stack, "live").touch()
    stack.write("db", "probes:", probe("readiness", "ready"), probe("liveness", "live"))
    stack.write("web", "dependsOn: [{ref: Process/db, condition: ready}]")
    stack.begin()
    stack.start()
    eventually(lambda: vitals(stack, "db-0").get("probes"), 20)
    assert not vitals(stack, "web-0").get("pid")
    sign(stack, "ready").touch()
    stack.settle()
    sign(stack, "live").unlink()
    eventually(lambda: stack.starts()["db-0"] >= 2, 20)
    sign(stack, "live").touch()
    stack.settle()
    assert stack.starts()["web-0"] == 1


def test_what_runs_elsewhere_is_waited_for_and_followed(herd: Herd) -> None:
    """Who needs it starts when it is there; who follows it begins anew when it is back."""
    stack = herd
    text = "apiVersion: reconciler.dev/v1\nkind: Probe\nmetadata: {name: db}\nspec:\n"
    looks = "  exec: [test, -e, signs/db]\n  period: 100ms\n  failureThreshold: 2\n"
    (stack.root / "specs" / "db.yaml").write_text(text + looks)
    stack.write("api", "dependsOn: [{ref: Probe/db, onRestart: restart}]")
    stack.write("web", "dependsOn: [{ref: Probe/db, condition: ready}]")
    stack.begin()
    stack.start()
    eventually(lambda: stack.resource("Probe/db")["health"]["code"] == "Degraded", 20)
    assert "waits for Probe/db (ready)" in stack.command("diff").stdout
    sign(stack, "db").touch()
    stack.settle()
    before = stack.pids()
    stack.kill_operator()
    stack.settle()
    assert stack.pids() == before

    sign(stack, "db").unlink()
    eventually(lambda: stack.resource("Probe/db")["health"]["code"] == "Degraded")
    assert stack.pids() == before
    sign(stack, "db").touch()
    eventually(lambda: stack.pids().get("api-0", before["api-0"]) != before["api-0"], 20)
    stack.settle()
    assert stack.pids()["web-0"] == before["web-0"]
    assert causes(stack, "api-0") == ["dependency"]
    assert stack.starts() == {"api-0": 2, "web-0": 1}
