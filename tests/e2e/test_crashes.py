"""A process that crashes is started again in its rhythm, whoever watches; a stop is a stop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import pytest

from reconciler.testing import eventually

from .herd import Herd, make_herd

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SOAK: Final = os.environ.get("RECONCILER_SOAK") == "1"
RESTART: Final = "" if SOAK else "backoff: 200ms, maxBackoff: 800ms, healthyAfter: 1500ms"
DELAYS: Final = (1, 2, 4, 8, 16, 30, 30) if SOAK else (0.2, 0.4, 0.8, 0.8)
UPTIME: Final = 11 if SOAK else 2
"""More than healthyAfter."""
LATE: Final = 0.6
"""What a busy machine may add to a delay, in seconds."""
CRASHES: Final = "date +%s.%N >>crashes; [ ! -e well ] || sleep 600; exit 3"
# The last but one lives long enough to be healthy, the last one for good.
CRASHES_OFTEN: Final = (
    (
        "date +%s.%N >>crashes; case $(($(wc -l <crashes) - OFTEN)) in "
        "1) sleep UPTIME ;; 2) sleep 600 ;; esac; exit 3"
    )
    .replace("OFTEN", str(len(DELAYS)))
    .replace("UPTIME", str(UPTIME))
)
FAMILY: Final = (
    'setsid bash -c "setsid sleep 86400 & (setsid sleep 86400 &); exec sleep 86400" & '
    'trap "" TERM; while :; do read -t 60 <> <(:); done'
)


@pytest.fixture
def herd() -> Iterator[Herd]:
    with make_herd() as stack:
        stack.write("calm")
        yield stack


def crashes(stack: Herd) -> list[float]:
    """When it was started, in Unix seconds."""
    path = stack.root / "crashes"
    return [float(line) for line in path.read_text().split()] if path.exists() else []


def vitals(stack: Herd, name: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.resource(f"Process/{name}")["vitals"]
    return found


def test_the_crash_sequence(herd: Herd) -> None:
    """It waits longer each time, begins anew after a healthy life, and nobody counts wrongly."""
    stack = herd
    stack.write("crasher", f"restart: {{{RESTART}}}", does=CRASHES_OFTEN)
    stack.begin()
    stack.start()
    for turn in range(len(DELAYS)):
        eventually(lambda: len(crashes(stack)) > turn, 60, every=0.005)
        stack.kill_operator()
    eventually(lambda: len(crashes(stack)) == len(DELAYS) + 2, 120)
    gaps = [after - before for before, after in pairwise(crashes(stack))]
    gaps[-1] -= UPTIME
    for gap, delay in zip(gaps, (*DELAYS, DELAYS[0]), strict=True):
        assert delay - 0.02 <= gap <= delay + LATE, gaps
    stack.settle()
    assert len(crashes(stack)) == len(DELAYS) + 2
    assert vitals(stack, "crasher-0")["restarts"] == len(DELAYS) + 1
    assert stack.starts()["calm-0"] == 1


def test_it_gives_up(herd: Herd) -> None:
    """After maxRetries it has failed, also for a new operator, until a person asks for it."""
    stack = herd
    stack.write(
        "crasher", "restart: {backoff: 100ms, maxBackoff: 100ms, maxRetries: 3}", does=CRASHES
    )
    stack.begin()
    stack.start()
    eventually(lambda: vitals(stack, "crasher-0").get("state") == "failed", 30)
    assert len(crashes(stack)) == 4
    conditions = stack.resource("Process/crasher-0")["conditions"]
    stalled = [one for one in conditions if one["type"] == "Stalled"]
    assert [one["status"] for one in stalled] == ["True"], conditions
    stack.kill_operator()
    before = eventually(lambda: stack.look()["operator"]["pid"], 30)
    stack.kill_operator()
    eventually(lambda: stack.look()["operator"]["pid"] != before, 30)
    eventually(lambda: vitals(stack, "crasher-0").get("state") == "failed", 30)
    assert len(crashes(stack)) == 4
    (stack.root / "well").write_text("600")
    stack.ask("restart", "crasher-0")
    stack.settle()
    assert len(crashes(stack)) == 5


def test_a_stop_leaves_nothing(herd: Herd) -> None:
    """A tree whose grandchildren are in sessions of their own, and that does not listen, ends."""
    stack = herd
    stack.write("family", "stop: {grace: 1s}", does=FAMILY)
    stack.begin()
    stack.up()
    eventually(lambda: stack.tagged()["family-0"] == 4)
    stack.ask("stop", "family-0", reason="a test")
    eventually(lambda: vitals(stack, "family-0").get("state") == "stopped", 20)
    assert stack.tagged()["family-0"] == 0
    stack.kill_operator()
    stack.settle()
    assert stack.tagged() == {"calm-0": 1}
    stack.ask("start", "family-0")
    eventually(lambda: stack.tagged()["family-0"] == 4, 20)
    assert stack.stop() in {0, 130}
    assert stack.running() == []


def test_a_stop_while_waiting(herd: Herd) -> None:
    """What was stopped, or taken out, while it waited never starts, whatever becomes ready."""
    stack = herd
    ready = "probes: {readiness: {file: {path: go}, period: 100ms}}"
    waits = "dependsOn: [{ref: Process/calm, condition: ready}]"
    stack.write("calm", ready)
    for name in ("ghost", "phantom", "guest"):
        stack.write(name, waits)
    stack.begin()
    stack.start()
    eventually(lambda: stack.resource("Process/phantom-0"), 20)
    stack.ask("stop", "ghost-0", reason="a test")
    stack.remove("phantom")
    stack.commit("no phantom")
    eventually(lambda: stack.look()["revision"] == stack.git("rev-parse", "HEAD").strip())
    (stack.root / "go").touch()
    eventually(lambda: stack.tagged() == {"calm-0": 1, "guest-0": 1}, 20)
    stack.settle()
    assert set(stack.starts()) == {"calm-0", "guest-0"}
