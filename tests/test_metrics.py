"""The page Prometheus reads says what is, and forgets what is gone."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse

from reconciler.kinds.synctarget.seen import SHOWN
from reconciler.metrics import Metrics, PassResult, StepResult


def view(ref: str, *, health: str = "Healthy", **vitals: Any) -> Mapping[str, Any]:
    kind, name = ref.split("/")
    return {
        "ref": ref,
        "kind": kind,
        "name": name,
        "system": name == "gateway",
        "health": {"code": health, "reason": "", "message": ""},
        "conditions": [{"type": "Ready", "status": "True"}],
        "vitals": vitals,
    }


def verdict(word: str, failures: int = 0) -> Mapping[str, Any]:
    return {"verdict": word, "since": 1.0, "message": "", "failures": failures}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(kinds=["Process", "Route"], lanes=["stack", "backup"], now=lambda: 1000.0)


def samples(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The values of one series by its label values, sorted by label name, as a scraper sees it."""
    page = metrics.render()[0].decode()
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in parse(page)
        for sample in family.samples
        if sample.name == f"reconciler_{name}"
    }


def full(metrics: Metrics) -> Metrics:
    """Every series has a value."""
    metrics.observe_pass("stack", PassResult.SUCCESS, 0.02)
    metrics.count_step("Process", StepResult.SUCCESS)
    metrics.count_drift("Process")
    metrics.set_blocked(["Suspended", "Suspended"])
    metrics.set_specs("abc", problems=2)
    metrics.set_resources(
        [
            view("Process/web", state="running", restarts=3, meets=["started", "ready"]),
            view("Process/job", health="Degraded", state="failed"),
            view("Process/gateway", state="running"),
            view("Probe/db", probes={"readiness": verdict("failure", 4)}),
            view("Route/site", version=7),
            view("SyncTarget/data", backed=1704067200.5),
        ],
        differing=["Process/job"],
    )
    return metrics


def test_promtool_is_content(metrics: Metrics) -> None:
    """The real promtool finds nothing to complain about, empty or full."""
    for page in (Metrics().render()[0], full(metrics).render()[0]):
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=page, capture_output=True, check=False
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_every_name_is_ours(metrics: Metrics) -> None:
    """All series carry the prefix, and none the library's creation times."""
    names = {family.name for family in parse(full(metrics).render()[0].decode())}
    assert all(name.startswith("reconciler_") for name in names)
    assert not [name for name in names if name.endswith("_created")]


def test_counters_start_at_zero(metrics: Metrics) -> None:
    """A first failure is a rise from 0, not a series that appears."""
    assert samples(metrics, "pass_total") == {
        (lane, result): 0
        for lane in ("stack", "backup")
        for result in ("success", "failure", "unknown")
    }
    assert samples(metrics, "drift_total") == {("Process",): 0, ("Route",): 0}
    assert samples(metrics, "steps_total")["Route", "failure"] == 0
    assert samples(metrics, "pass_duration_seconds_count")["stack",] == 0
    assert samples(metrics, "last_pass_timestamp_seconds")["backup",] == 0
    assert samples(metrics, "last_apply_success_timestamp_seconds") == {(): 0}
    assert samples(metrics, "spec_problems") == {(): 0}


def test_a_pass_is_counted(metrics: Metrics) -> None:
    """A pass leaves its count, its time and its duration."""
    metrics.observe_pass("stack", PassResult.SUCCESS, 0.02)
    assert samples(metrics, "pass_total")["stack", "success"] == 1
    assert samples(metrics, "pass_duration_seconds_sum")["stack",] == 0.02
    assert samples(metrics, "last_pass_timestamp_seconds")["stack",] == 1000
    assert samples(metrics, "last_apply_success_timestamp_seconds") == {(): 1000}


@pytest.mark.parametrize("result", [PassResult.FAILURE, PassResult.UNKNOWN])
def test_a_bad_pass_is_no_success(metrics: Metrics, result: PassResult) -> None:
    """A pass that failed or was blind does not move the time of the last good apply."""
    metrics.observe_pass("stack", result, 0.02)
    assert samples(metrics, "last_pass_timestamp_seconds")["stack",] == 1000
    assert samples(metrics, "last_apply_success_timestamp_seconds") == {(): 0}


def test_resources_as_they_are(metrics: Metrics) -> None:
    """Sync, health, conditions and vitals of each resource are numbers."""
    full(metrics)
    assert samples(metrics, "resource_healthy")["Process", "job"] == 0
    assert samples(metrics, "resource_condition")["Process", "web", "Ready"] == 1
    assert samples(metrics, "process_up") == {("web",): 1, ("job",): 0, ("gateway",): 1}
    assert samples(metrics, "process_ready") == {("web",): 1, ("job",): 0, ("gateway",): 0}
    assert samples(metrics, "process_restarts_total") == {("web",): 3}
    assert samples(metrics, "route_table_version") == {(): 7}
    assert samples(metrics, "sync_last_success_timestamp_seconds") == {("data",): 1704067200.5}
    assert "backed" in SHOWN


def test_verdicts_of_probes_as_they_are(metrics: Metrics) -> None:
    """Each probe of each resource is a series; before the first verdict it says so."""
    metrics.set_resources(
        [
            view("Probe/db", probes={"readiness": verdict("failure", 4)}),
            view(
                "Process/web",
                probes={"startup": verdict("success"), "liveness": verdict("unknown", 1)},
            ),
        ]
    )
    assert samples(metrics, "probe_success") == {
        ("Probe", "db", "readiness"): 0,
        ("Process", "web", "startup"): 1,
        ("Process", "web", "liveness"): -1,
    }
    assert samples(metrics, "probe_failures")["Probe", "db", "readiness"] == 4
    metrics.set_resources([view("Process/web")])
    assert samples(metrics, "probe_success") == {}


def test_in_sync_as_far_as_can_be_seen(metrics: Metrics) -> None:
    """A kind that cannot be seen is neither in sync nor out, and our own programs have no say."""
    views = [view("Process/web"), view("Process/job"), view("Process/gateway"), view("Route/site")]
    metrics.set_resources(views, differing=["Process/job"], unseen=["Route"])
    assert samples(metrics, "resource_in_sync") == {
        ("Process", "web"): 1,
        ("Process", "job"): 0,
        ("Route", "site"): -1,
    }


def test_steps_by_how_they_ended(metrics: Metrics) -> None:
    """Done, waiting and failed are counted apart, and drift by kind."""
    metrics.count_step("Process", StepResult.SUCCESS)
    metrics.count_step("Process", StepResult.WAITING)
    metrics.count_step("Route", StepResult.FAILURE)
    metrics.count_drift("Process")
    steps = {key for key, value in samples(metrics, "steps_total").items() if value}
    assert steps == {("Process", "success"), ("Process", "waiting"), ("Route", "failure")}
    assert samples(metrics, "drift_total") == {("Process",): 1, ("Route",): 0}


def test_what_is_gone_is_forgotten(metrics: Metrics) -> None:
    """A deleted resource leaves no series behind."""
    full(metrics).set_resources([view("Process/web", state="running")])
    page = metrics.render()[0]
    assert b'name="web"' in page
    assert b'name="job"' not in page
    assert b'name="data"' not in page


def test_unknown_is_neither(metrics: Metrics) -> None:
    """What cannot be seen is -1, the suspended is not judged, and neither is said to be down."""
    metrics.set_resources(
        [view("Process/web", health="Unknown"), view("Process/job", health="Suspended")]
    )
    assert samples(metrics, "resource_healthy") == {("Process", "web"): -1}
    assert samples(metrics, "process_up") == {}


def test_one_revision_at_a_time(metrics: Metrics) -> None:
    """However many revisions come, there is one series."""
    for number in range(50):
        metrics.set_specs(f"revision-{number}", problems=2)
    assert samples(metrics, "spec_revision_info") == {("revision-49",): 1}
    assert samples(metrics, "spec_problems") == {(): 2}


def test_a_block_ends_at_zero(metrics: Metrics) -> None:
    """When nothing is held back any more, its reason is seen to go to 0."""
    metrics.set_blocked(["Backoff", "Backoff", "Hold"])
    assert samples(metrics, "blocked") == {("Backoff",): 2, ("Hold",): 1}
    metrics.set_blocked([])
    assert samples(metrics, "blocked") == {("Backoff",): 0, ("Hold",): 0}


def test_openmetrics_for_who_asks(metrics: Metrics) -> None:
    """A scraper that asks for OpenMetrics gets what the official parser reads."""
    accept = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5"
    page, content_type = full(metrics).render(accept)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert "reconciler_pass" in {family.name for family in parse_open(page.decode())}  # type: ignore[no-untyped-call] # the library left it bare
    assert metrics.render("text/html")[1].startswith("text/plain; version=0.0.4")


def test_two_live_side_by_side() -> None:
    """Two operators in one program do not share numbers."""
    one, other = Metrics(lanes=["stack"]), Metrics(lanes=["stack"])
    one.observe_pass("stack", PassResult.FAILURE, 1)
    assert samples(other, "pass_total")["stack", "failure"] == 0
