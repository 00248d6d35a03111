from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.probe import Probes, Role
from reconciler.core.verdict import (
    Result,
    Standing,
    Verdict,
    awaited,
    begin,
    broken,
    edited,
    heard,
    is_awaited,
    patience,
    ready,
    told,
)

TCP = {"tcp": {"port": 1}}
OK, BAD, BLIND = Result(ok=True), Result(ok=False, message="refused"), Result(ok=None)


def make(**roles: dict[str, object]) -> Probes:
    """Probes of the given roles; what is not said is as by default."""
    return Probes.model_validate({role: {**TCP, **said} for role, said in roles.items()})


@dataclass
class Worker:
    """One probe, written down from the kubelet's prober/worker.go and not from our code."""

    success: int
    failure: int
    value: str
    last: bool | None = None
    run: int = 0

    def probe(self, ok: bool) -> None:
        if self.last is ok:
            self.run += 1
        else:
            self.last, self.run = ok, 1
        if self.run < (self.success if ok else self.failure):
            return
        self.value = "success" if ok else "failure"


@dataclass
class Kubelet:
    """A container's workers: which of them probe, and what they say."""

    probes: Probes
    adopted: bool
    workers: dict[str, Worker] = field(default_factory=dict)

    def __post_init__(self) -> None:
        initial = {"startup": "unknown", "readiness": "failure", "liveness": "success"}
        for role, probe in self.probes.items():
            value = "unknown" if self.adopted else initial[role]
            thresholds = probe.success_threshold, probe.failure_threshold
            self.workers[role] = Worker(*thresholds, value)

    def result(self, role: str, ok: bool) -> None:
        worker = self.workers.get(role)
        startup = self.workers.get("startup")
        if worker is None:
            return
        started = startup is None or startup.value == "success"
        if started != (
            role == "startup"
        ):  # after the start only the others, before it only startup
            worker.probe(ok)


thresholds = st.integers(1, 4)
probe_sets = st.fixed_dictionaries(
    {},
    optional={
        "startup": st.builds(lambda n: {"failureThreshold": n}, thresholds),
        "readiness": st.builds(
            lambda n, m: {"failureThreshold": n, "successThreshold": m}, thresholds, thresholds
        ),
        "liveness": st.builds(lambda n: {"failureThreshold": n}, thresholds),
    },
)
traces = st.lists(st.tuples(st.sampled_from(list(Role)), st.sampled_from([True, False, None])))


@given(probe_sets, st.lists(traces, max_size=3), st.booleans())
def test_verdicts_are_those_of_the_kubelet(
    said: dict[str, dict[str, object]], lives: list[list[tuple[Role, bool | None]]], adopted: bool
) -> None:
    """On every trace of results, over several lives, the verdicts equal the reference model's."""
    probes = make(**said)
    for trace in lives:
        standing, model = begin(probes, 0.0, adopted=adopted), Kubelet(probes, adopted)
        for now, (role, ok) in enumerate(trace):
            before = standing
            standing = heard(standing, role, Result(ok, "x"), float(now))
            if ok is not None:
                model.result(role, ok)
            assert {r: str(standing.verdict(r)) for r in standing.findings} == {
                r: worker.value for r, worker in model.workers.items()
            }
            for one, found in standing.findings.items():
                turned = found.verdict is not before.findings[one].verdict
                assert found.since == (now if turned else before.findings[one].since)


def test_startup_gates_the_others_and_is_then_done() -> None:
    """Until startup succeeds only it is run; from then on it is never run again."""
    standing = begin(make(startup={}, readiness={}, liveness={}), 0)
    assert awaited(standing) == (Role.STARTUP,)
    assert heard(standing, Role.READINESS, OK, 1) is standing
    standing = heard(standing, Role.STARTUP, OK, 1)
    assert awaited(standing) == (Role.READINESS, Role.LIVENESS)
    assert heard(standing, Role.STARTUP, BAD, 2) is standing


def test_a_new_life_is_not_ready_until_it_said_so() -> None:
    """Readiness starts as failure; liveness as success."""
    standing = begin(make(readiness={}, liveness={}), 0)
    assert ready(standing) is Verdict.FAILURE
    assert broken(standing) is None
    assert ready(heard(standing, Role.READINESS, OK, 1)) is Verdict.SUCCESS


def test_of_what_was_there_before_nothing_is_known() -> None:
    """Unknown neither withdraws nor restarts, and takes the full threshold to become failure."""
    standing = begin(make(startup={}, readiness={}, liveness={}), 0, adopted=True)
    assert ready(standing) is Verdict.UNKNOWN
    assert broken(standing) is None
    for now in (1, 2):
        standing = heard(standing, Role.STARTUP, BAD, now)
        assert ready(standing) is Verdict.UNKNOWN
        assert broken(standing) is None
    standing = heard(standing, Role.STARTUP, BAD, 3)
    assert broken(standing) is not None


def test_what_outlived_its_startup_probe_has_started() -> None:
    """An operator that comes back does not ask an old process whether it has started."""
    probes = make(startup={"period": "1s", "failureThreshold": 5}, readiness={})
    limit = patience(probes.startup)  # type: ignore[arg-type]
    old = begin(probes, 0, adopted=True, age=limit + 1)
    assert awaited(old) == (Role.READINESS,)
    assert awaited(begin(probes, 0, adopted=True, age=limit - 1)) == (Role.STARTUP,)
    assert awaited(begin(probes, 0, age=limit + 1)) == (Role.STARTUP,)


@pytest.mark.parametrize("role", ["startup", "liveness"])
def test_a_probe_that_fails_long_enough_calls_for_a_restart(role: str) -> None:
    """Startup and liveness do; readiness never does."""
    standing = begin(make(**{role: {}}, readiness={"failureThreshold": 1}), 0)
    standing = heard(standing, Role.READINESS, BAD, 1)
    for now in range(3):
        assert broken(standing) is None
        standing = heard(standing, Role(role), BAD, now)
    found = broken(standing)
    assert found is not None
    assert (found[0], found[1].message, found[1].failures) == (Role(role), "refused", 3)


def test_a_return_is_good_after_bad() -> None:
    """The first success after nothing was known is none; each later one after a failure is."""
    standing = begin(make(readiness={"failureThreshold": 1}), 0, adopted=True)
    for now, result in enumerate((OK, BAD, OK, OK, BAD, OK)):
        standing = heard(standing, Role.READINESS, result, now)
        assert standing.findings[Role.READINESS].returns == (0, 0, 1, 1, 1, 2)[now]


def test_without_probes_everything_is_ready() -> None:
    """Who has no probes needs no verdict."""
    assert ready(None) is ready(begin(Probes(), 0)) is Verdict.SUCCESS


def test_nothing_new_is_the_same_object() -> None:
    """A look that says what is known changes nothing, so nobody needs to look again."""
    standing = heard(begin(make(readiness={"successThreshold": 2}), 0), Role.READINESS, OK, 1)
    standing = heard(standing, Role.READINESS, OK, 2)
    assert heard(standing, Role.READINESS, OK, 3) is standing
    assert heard(standing, Role.READINESS, BLIND, 3) is standing


def test_a_message_goes_once_it_is_good_again() -> None:
    """What failed last is told while it matters."""
    standing = begin(make(readiness={"successThreshold": 2}), 0)
    assert told(standing)["readiness"]["message"] == "not probed yet"
    standing = heard(standing, Role.READINESS, BAD, 1)
    standing = heard(standing, Role.READINESS, OK, 2)
    assert told(standing)["readiness"]["message"] == "refused"
    standing = heard(standing, Role.READINESS, OK, 3)
    assert told(standing)["readiness"] == {
        "verdict": "success",
        "since": 3,
        "message": "",
        "failures": 0,
        "settled": True,
    }


def test_it_is_too_early_to_judge_until_a_threshold_was_reached() -> None:
    """Once it was, either way, a later failure is one at once."""
    standing = begin(make(readiness={"successThreshold": 2}), 0)
    said = []
    for result in (BAD, OK, BAD, BAD, BAD, OK, BAD):
        standing = heard(standing, Role.READINESS, result, 1)
        said.append(standing.judged(Role.READINESS))
    assert said == [(Verdict.FAILURE, False)] * 4 + [(Verdict.FAILURE, True)] * 3


def test_nobody_acts_on_the_first_good_look_at_what_was_taken_to_live() -> None:
    """Every life with a liveness probe has one; only a verdict that turns is news."""
    standing = begin(make(liveness={}), 0)
    before = standing.judged(Role.LIVENESS)
    after = heard(standing, Role.LIVENESS, OK, 1)
    assert after.judged(Role.LIVENESS) == before == (Verdict.SUCCESS, False)
    assert after.findings[Role.LIVENESS].settled


def stand(standing: Standing) -> dict[str, str]:
    return {str(role): str(found.verdict) for role, found in standing.findings.items()}


def test_an_edit_of_one_probe_leaves_the_verdicts_of_the_others() -> None:
    """The edited one begins anew as unknown; a life that had started stays started."""
    standing = begin(make(readiness={}, liveness={}), 0)
    standing = heard(standing, Role.READINESS, OK, 1)
    after = edited(standing, make(readiness={}, liveness={"period": "1s"}, startup={}), 2)
    assert stand(after) == {"startup": "success", "readiness": "success", "liveness": "unknown"}
    assert ready(after) is Verdict.SUCCESS
    gone = edited(after, make(startup={"period": "3s"}), 3)
    assert stand(gone) == {"startup": "success"}
    waiting = begin(make(startup={}), 0)
    assert stand(edited(waiting, make(startup={"period": "3s"}), 3)) == {"startup": "unknown"}


def test_the_first_success_is_awaited_once() -> None:
    """A life that was seen to begin is on its way until it was ready once; then it fails."""
    probes = make(startup={}, readiness={"failureThreshold": 1})
    standing = begin(probes, 0)
    for role in (Role.STARTUP, Role.READINESS):
        standing = heard(standing, role, BAD, 1)
        assert is_awaited(standing)
        standing = heard(standing, role, OK, 2)
    assert not is_awaited(standing)
    assert not is_awaited(heard(standing, Role.READINESS, BAD, 3))
    assert not is_awaited(begin(probes, 0, adopted=True))
