from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.core.probe import Http, Probe, Probes, Role
from reconciler.core.probe_values import matcher
from reconciler.core.sealed import Sealed

TCP = {"tcp": {"port": 1}}


def read(**said: Any) -> Probe:
    return Probe.model_validate(said)


def test_the_usual_values_are_those_of_kubernetes() -> None:
    """Every 10 s, at most 1 s long, once good is good, three times bad is bad, no delay."""
    probe = read(**TCP)
    assert (probe.period, probe.timeout, probe.initial_delay) == (10, 1, 0)
    assert (probe.success_threshold, probe.failure_threshold) == (1, 3)
    assert read(http={"port": "web"}).http == Http(port="web", path="/", status=("200-399",))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "exactly one of http, tcp, exec, log and file; none is given"),
        ({**TCP, "exec": ["true"]}, "not tcp and exec"),
        ({"tcp": {"port": 0}}, "greater than or equal to 1"),
        ({"tcp": {"port": "Web!"}}, "pattern"),
        ({"http": {"port": 1, "path": "x"}}, "starts with /"),
        ({"http": {"port": 1, "path": "/a b"}}, "%20"),
        ({"http": {"port": 1, "status": []}}, "at least 1"),
        ({"http": {"port": 1, "status": ["399-200"]}}, "not a status"),
        ({"http": {"port": 1, "status": [True]}}, "not a status"),
        ({"http": {"port": 1, "headers": {"a b": "x"}}}, "name of a header"),
        ({"http": {"port": 1, "headers": {"a": "x\ny"}}}, "one line"),
        ({"http": {"port": 1, "headers": {"a": 5}}}, "quotes"),
        ({"http": {"port": 1, "json": {"path": "a"}}}, "equals"),
        ({"http": {"port": 1, "json": {"path": "a", "equals": [1]}}}, "equals"),
        ({"exec": []}, "at least 1"),
        ({"exec": ["a\0b"]}, "NUL"),
        ({"exec": [1]}, "quotes"),
        ({"log": {"regex": "("}}, "unclosed group"),
        ({"log": {"regex": "(?=x)"}}, "look-around"),
        ({"log": {"regex": "(a{1000}){1000}"}}, "size limit"),
        ({"log": {"regex": "x" * 1001}}, "at most 1000"),
        ({**TCP, "period": "10ms"}, "greater than or equal to 0.1"),
        ({**TCP, "period": 10}, "10s"),
        ({**TCP, "failureThreshold": 0}, "greater than or equal to 1"),
    ],
)
def test_nonsense_is_refused_with_a_way_out(said: dict[str, Any], why: str) -> None:
    """What cannot be probed never gets as far as the loop."""
    with pytest.raises(ValidationError) as caught:
        read(**said)
    assert why in str(caught.value)


@pytest.mark.parametrize("role", ["startup", "liveness"])
def test_only_readiness_may_ask_for_several_successes(role: str) -> None:
    """As with the kubelet: one success is a start, one success is a life."""
    with pytest.raises(ValidationError, match="must be 1"):
        Probes.model_validate({role: {**TCP, "successThreshold": 2}})
    Probes.model_validate({"readiness": {**TCP, "successThreshold": 2}})


def test_probes_come_in_the_order_they_matter() -> None:
    """Startup, readiness, liveness; those that are written."""
    probes = Probes.model_validate({"liveness": TCP, "startup": TCP})
    assert [role for role, _ in probes.items()] == [Role.STARTUP, Role.LIVENESS]
    assert probes.of(Role.READINESS) is None


@pytest.mark.parametrize(
    ("status", "code", "good"),
    [
        (["200-399"], 200, True),
        (["200-399"], 399, True),
        (["200-399"], 400, False),
        ([200, "204-206"], 205, True),
        ([200, "204-206"], 201, False),
        (["503"], 503, True),
    ],
)
def test_a_status_is_judged_by_codes_and_ranges(
    status: list[str | int], code: int, good: bool
) -> None:
    """A code alone or a range, as many as one likes."""
    assert Http.model_validate({"port": 1, "status": status}).accepts(code) is good


def test_a_hostile_pattern_costs_no_time() -> None:
    """The engine is linear: what ruins others is done in a moment."""
    found = matcher("(a+)+$")
    assert not found.isinstance_python("a" * 100_000 + "!")


def test_a_secret_header_shows_nowhere() -> None:
    """Printed or dumped it is a digest."""
    header = {"Authorization": Sealed.of("hunter2", b"k")}
    probe = read(http={"port": 1, "headers": header})
    assert "hunter2" not in repr(probe) + str(probe.model_dump(mode="json"))


durations = st.builds(lambda n: f"{n}ms", st.integers(100, 86_400_000))
checks = st.sampled_from(
    [
        TCP,
        {"exec": ["a", "b c"]},
        {"log": {"regex": "^x", "maxAge": "1s500ms"}},
        {"file": {"path": "/x", "maxAge": "1.2345s"}},
        {"http": {"port": "web", "json": {"path": "a.0", "equals": None}, "status": [200, "3"]}},
        {"http": {"port": 1, "json": {"path": "a", "equals": 1.5}, "headers": {"A": "b"}}},
    ]
)


@given(checks, durations, durations)
def test_what_is_written_down_is_read_back_equal(
    check: dict[str, Any], period: str, delay: str
) -> None:
    """A record of a probe never looks like another probe."""
    try:
        probe = read(**check, period=period, initialDelay=delay)
    except ValidationError:
        return
    text = json.dumps(probe.model_dump(mode="json", by_alias=True))
    assert Probe.model_validate(json.loads(text)) == probe
