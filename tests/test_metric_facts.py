"""What is true now becomes series: all of it, quickly, and in both ways the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from reconciler.clients.usage import Usage
from reconciler.metrics import Metrics
from reconciler.metrics.facts import Facts
from reconciler.metrics.families import BY_SHORT, FACTS, GROUPS
from reconciler.metrics.snapshot import Snapshot, Standing, Unfolding

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def view(ref: str, health: str = "Healthy", /, **vitals: Any) -> Mapping[str, Any]:
    kind, name = ref.split("/")
    return {
        "ref": ref,
        "kind": kind,
        "name": name,
        "system": False,
        "suspend": False,
        "health": {"code": health, "reason": "", "message": ""},
        "conditions": [{"type": "Ready", "status": "True"}],
        "vitals": vitals,
    }


def series(page: str) -> Series:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(page)
        for sample in family.samples
    }


class Fixed:
    """A meter that always says the same."""

    def read(self, roots: Mapping[str, int]) -> dict[str, Usage]:
        return {name: Usage(100.5, 1.25, 4096, 7, 2) for name in roots}


WEB = view(
    "Process/web-0",
    state="running",
    pid=7,
    since=1704067200.5,
    restarts=2,
    failures=1,
    causes=[{"at": 1.0, "cause": "crash"}],
    lastExit={"code": None, "signal": "KILL"},
    meets=["ready"],
    probes={"readiness": {"verdict": "success", "failures": 0}},
)
DATA = view(
    "SyncTarget/data",
    backed=5.0,
    attempt=6.0,
    restored=4.0,
    drill={"verified": 3.0},
    error={"reason": "PushRefused"},
    unpushed=2,
    skippedCount=1,
    bytes=1 << 20,
    files=3,
    interval=60.0,
)
MAIN = view(
    "Stack/main",
    notifications={"ops": {"sent": 3, "failed": 1, "dropped": 0, "error": "h answers 404"}},
)
ALL = Snapshot(
    (
        WEB,
        DATA,
        MAIN,
        view("Repository/backup", reachable=True, reached=9.0),
        view("Route/a", version=4),
    ),
    differing={"Route/a"},
    blocked={"Backoff": 1},
    revision="abc",
    since=11.0,
    unfolding=Unfolding({"healthy": True}, 2.5, quarantined=1),
    standing=Standing({"loop": True}, {"specs": True}, {"Route": True}, 8.0, {"stop": 1}),
)


def test_every_family_is_written() -> None:
    """No family of the catalogue stands there for nothing, and none is written that does not."""
    facts = Facts(Fixed())
    facts.now = ALL
    assert {one.name for one in FACTS} == {name for name, _ in series(facts.text())}


def test_values_are_as_they_are() -> None:
    """Ends by a signal, moments, amounts and what a process uses."""
    facts = Facts(Fixed())
    facts.now = ALL
    found = {
        name.removeprefix("reconciler_"): value for (name, _), value in series(facts.text()).items()
    }
    wanted = {
        "process_exit_status": 137,
        "process_start_time_seconds": 100.5,
        "process_cpu_seconds_total": 1.25,
        "process_resident_memory_bytes": 4096,
        "process_open_fds": 7,
        "process_members": 2,
        "sync_failing": 1,
        "sync_pending": 2,
        "sync_last_verified_restore_timestamp_seconds": 3,
        "spec_revision_timestamp_seconds": 11,
        "observation_timestamp_seconds": 8,
        "repository_reachable": 1,
    }
    assert wanted.items() <= found.items()


names = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
texts = st.text(max_size=8)
states = st.sampled_from(["running", "failed", "backoff", "completed", "waiting", "odd"])
processes = st.builds(
    lambda name, state, code, restarts: view(
        f"Process/{name}",
        state=state,
        pid=9,
        restarts=restarts,
        causes=[],
        since=1.5,
        lastExit={"code": code, "signal": None},
    ),
    names,
    states,
    st.integers(0, 255),
    st.integers(0, 10**12),
)
snapshots = st.builds(
    lambda views, blocked, revision: Snapshot(
        tuple({one["ref"]: one for one in views}.values()), blocked=blocked, revision=revision
    ),
    st.lists(processes, max_size=5),
    st.dictionaries(texts, st.integers(0, 9), max_size=3),
    texts,
)


@given(st.lists(snapshots, min_size=1, max_size=3), st.booleans())
def test_the_quick_page_is_the_librarys(moments: list[Snapshot], node: bool) -> None:
    """What we write ourselves is to a scraper what the library writes, whatever came before."""
    quick, slow, registry = (
        Facts(Fixed(), node_names=node),
        Facts(Fixed(), node_names=node),
        CollectorRegistry(),
    )
    registry.register(slow)
    for now in moments:
        quick.now = slow.now = now
        assert series(quick.text()) == series(generate_latest(registry).decode())


def test_an_unchanged_view_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what has changed costs anything."""
    facts, drawn = Facts(), []
    from reconciler.metrics import facts as module

    rows = module.rows

    def counted(one: Mapping[str, Any]) -> Iterator[Any]:
        drawn.append(one["ref"])
        return rows(one)

    monkeypatch.setattr(module, "rows", counted)
    job = view("Process/job", state="running")
    for now in ((WEB, job), (WEB, job), (WEB, {**job})):
        facts.now = Snapshot(now)
        facts.text()
    assert drawn == ["Process/web-0", "Process/job", "Process/job"]


def causes(*told: tuple[float, str], restarts: int) -> Mapping[str, Any]:
    own = [{"at": at, "cause": cause, "detail": ""} for at, cause in told]
    return view("Process/web", state="running", causes=own, restarts=restarts)


def test_restarts_by_cause() -> None:
    """What was before the operator is no news; planned runs are none; too many are unknown."""
    facts = Facts()

    def counted(now: Mapping[str, Any]) -> dict[str, float]:
        facts.now = Snapshot((now,))
        name = "reconciler_process_restarts_by_cause_total"
        return {
            dict(key)["cause"]: value
            for (found, key), value in series(facts.text()).items()
            if found == name
        }

    assert counted(causes((1, "crash"), restarts=1)) == {"crash": 0}
    assert counted(causes((1, "crash"), (2, "crash"), (3, "spec"), restarts=3)) == {
        "crash": 1,
        "spec": 1,
    }
    after = counted(causes((4, "schedule"), (5, "crash"), restarts=9))
    assert after == {"crash": 2, "spec": 1, "unknown": 5}


def test_the_names_of_node_exporter() -> None:
    """With the flag, and only then, dashboards for its collector go on working."""
    down = view("Process/job", state="failed", lastExit={"code": 3, "signal": None})
    facts = Facts(node_names=True)
    facts.now = Snapshot((WEB, down))
    web, job = (("group", "web-0"), ("name", "web-0")), (("group", "job"), ("name", "job"))
    found = {k: v for k, v in series(facts.text()).items() if k[0].startswith("node_")}
    assert found == {
        ("node_supervisord_up", web): 1,
        ("node_supervisord_state", web): 20,
        ("node_supervisord_exit_status", web): 137,
        ("node_supervisord_start_time_seconds", web): 1704067200,
        ("node_supervisord_up", job): 0,
        ("node_supervisord_state", job): 200,
        ("node_supervisord_exit_status", job): 3,
    }
    assert "node_" not in Metrics().render()[0].decode()


def test_the_catalogue_is_what_is_told() -> None:
    """What the library and the engine count is in the catalogue too, with the same labels."""
    metrics = Metrics(kinds=["Process"], lanes=["stack"])
    metrics.observe_lag(0.1)
    for family in metrics.registry.collect():
        ending = "_total" if family.type == "counter" else ""
        own = BY_SHORT[(family.name + ending).removeprefix("reconciler_")]
        assert own.type == family.type
        for sample in family.samples:
            assert set(own.labels) == set(sample.labels) - {"le"}


def test_names_keep_to_the_conventions() -> None:
    """Counters end in _total and nothing else does; units are base units."""
    for family in (one for group in GROUPS.values() for one in group):
        assert family.name.endswith("_total") == (family.type == "counter"), family.name
        assert not family.name.endswith(("_ms", "_milliseconds", "_minutes", "_kb", "_mb"))
        assert family.text.endswith(".")
