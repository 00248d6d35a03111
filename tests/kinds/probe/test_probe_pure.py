from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.diff import diff
from reconciler.core.model import HealthCode, Observed, Origin, Ref, Resource
from reconciler.core.sealed import Sealed
from reconciler.kinds.probe import KIND
from reconciler.kinds.probe.actions import Follow, Forget, steps
from reconciler.kinds.probe.health import health
from reconciler.kinds.probe.spec import ProbeSpec
from reconciler.kinds.probe.state import Watched, probes, render

DB = Ref("Probe", "db")
TCP = {"tcp": {"host": "db.internal", "port": 5432}}


def read(**said: Any) -> ProbeSpec:
    return ProbeSpec.model_validate(said)


def wanted(**said: Any) -> Watched:
    return render(Resource(DB, read(**said), Origin(PurePath("p.yaml"), 1), root=PurePath("/srv")))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "exactly one of http, tcp and exec; none is given"),
        ({**TCP, "exec": ["true"]}, "not tcp and exec"),
        ({"http": {"port": "web"}}, "no named ports"),
        ({**TCP, "env": {"A": "b"}}, "only for exec"),
        ({"exec": ["a"], "env": {"A": 1}}, "quotes"),
        ({"exec": ["a"], "env": {"A": "\0"}}, "NUL"),
        ({"exec": ["a"], "env": {"A=B": "c"}}, "pattern"),
        ({"log": {"regex": "x"}}, "log"),
        ({**TCP, "initialDelay": "1s"}, "initialDelay"),
    ],
)
def test_nonsense_is_refused(said: dict[str, Any], why: str) -> None:
    """What is not there cannot be probed by what only a process has."""
    with pytest.raises(ValidationError) as caught:
        read(**said)
    assert why in str(caught.value)


def test_it_is_rendered_as_a_readiness_probe() -> None:
    """What may be used is ready; thresholds and times are those of the spec."""
    state = wanted(**TCP, period="3s", timeout="2s", successThreshold=2, failureThreshold=5)
    (found,) = [probe for _, probe in probes(state).items()]
    assert found.tcp == state.tcp
    assert (found.period, found.timeout) == (3, 2)
    assert (found.success_threshold, found.failure_threshold) == (2, 5)
    assert wanted(exec=["a"], workingDir="x").working_dir == "/srv/x"
    assert not list(probes(Watched()).items())


def test_what_is_written_down_is_read_back_equal() -> None:
    """A record never looks like another probe."""
    secret = Sealed.of("hunter2", b"k")
    for said in (
        TCP,
        {"http": {"port": 1, "headers": {"A": secret}, "json": {"path": "a", "equals": True}}},
        {"exec": ["a", "b"], "env": {"A": secret, "B": "c"}},
    ):
        state = wanted(**said)
        assert Watched.model_validate(state.model_dump(mode="json", by_alias=True)) == state


def test_a_change_is_followed_and_an_end_forgotten() -> None:
    """Two actions are all there is."""
    state, other = wanted(**TCP), wanted(exec=["true"])
    created, changed, deleted = (
        diff(DB, state, None),
        diff(DB, other, state),
        diff(DB, None, state),
    )
    assert created
    assert changed
    assert deleted
    assert steps(created) == (Follow("db", state),)
    assert steps(changed) == (Follow("db", other),)
    assert steps(deleted) == (Forget("db"),)


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ("success", HealthCode.HEALTHY),
        ("failure", HealthCode.DEGRADED),
        ("unknown", HealthCode.PROGRESSING),
    ],
)
def test_health_is_the_verdict(verdict: str, code: HealthCode) -> None:
    """With what the last look said, if it said anything."""
    vitals = {"state": verdict, "message": "connection refused"}
    found = health(Observed(Watched(), owned=True, vitals=vitals))
    assert (found.code, found.message) == (code, "connection refused")
    assert health(Observed(Watched(), owned=True, vitals={"state": verdict})).message


def test_only_success_is_ready() -> None:
    """Dependents wait for a verdict; before it and after a bad one they do not start."""
    for meets, ready in ((["ready"], True), ([], False)):
        seen = Observed(Watched(), owned=True, vitals={"state": "unknown", "meets": meets})
        assert KIND.meets(seen, "ready") is ready
