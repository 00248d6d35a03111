"""What Prometheus sees of the operator: every metric, in one place."""

from __future__ import annotations

import platform
import time
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import disable_created_metrics
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from . import __version__
from .core.errors import ReconcileError, Waiting
from .core.model import Cause, Plan, Ref

View: TypeAlias = Mapping[str, Any]

# A pass of the stack lane takes milliseconds, a push of the backup lane minutes.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
TRUTH: Final = {"True": 1, "False": 0, "Unknown": -1}
HEALTHY: Final = {"Healthy": 1, "Progressing": 0, "Degraded": 0, "Unknown": -1}


class PassResult(StrEnum):
    """How a pass ended: all done, a step failed, or part of the world could not be seen."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


class StepResult(StrEnum):
    """How a step ended: done, to be looked at again soon, or failed."""

    OK = "ok"
    WAITING = "waiting"
    FAILED = "failed"


class Metrics:
    """The numbers the engine reports, and the page Prometheus reads.

    Counters of the given ``kinds`` and ``lanes`` start at 0, so that a first failure is a rise.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        kinds: Iterable[str] = (),
        lanes: Iterable[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        # Without this every counter drags a second series along in the text format.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library left it bare
        self.registry = registry or CollectorRegistry()
        self._now = now
        self._facts = _Facts()
        self.registry.register(self._facts)
        ProcessCollector(namespace="reconciler_operator", registry=self.registry)
        self._count()
        self._start(tuple(kinds), tuple(lanes))

    def _count(self) -> None:
        self._passes = self._counter("pass", "Passes of a lane, by how they ended.", "lane result")
        self._drift = self._counter("drift", "Changes made outside the specs.", "kind")
        self._steps = self._counter("steps", "Steps executed, by how they ended.", "kind result")
        self._seconds = Histogram(
            "reconciler_pass_duration_seconds",
            "How long a pass of a lane took.",
            ["lane"],
            registry=self.registry,
            buckets=BUCKETS,
        )
        self._last_pass = Gauge(
            "reconciler_last_pass_timestamp_seconds",
            "When a lane last finished a pass, however it ended; 0 before the first.",
            ["lane"],
            registry=self.registry,
        )
        self._last_apply = Gauge(
            "reconciler_last_apply_success_timestamp_seconds",
            "When a pass last ended with everything done; 0 before the first.",
            registry=self.registry,
        )

    def _counter(self, name: str, text: str, labels: str) -> Counter:
        return Counter(f"reconciler_{name}_total", text, labels.split(), registry=self.registry)

    def _start(self, kinds: tuple[str, ...], lanes: tuple[str, ...]) -> None:
        for lane in lanes:
            self._seconds.labels(lane)
            self._last_pass.labels(lane)
            for ended in PassResult:
                self._passes.labels(lane, ended)
        for kind in kinds:
            self._drift.labels(kind)
            for done in StepResult:
                self._steps.labels(kind, done)

    def observe_pass(self, lane: str, result: str, seconds: float) -> None:
        """A pass of ``lane`` ended; ``result`` is a PassResult."""
        self._passes.labels(lane, result).inc()
        self._seconds.labels(lane).observe(seconds)
        self._last_pass.labels(lane).set(self._now())
        if result == PassResult.OK:
            self._last_apply.set(self._now())

    def observe_plan(self, plan: Plan) -> None:
        """The world was looked at: this differs, and that is held back."""
        facts = self._facts
        facts.differing = frozenset(str(one.ref) for one in (*plan.changes, *plan.held))
        facts.unseen = frozenset(plan.unknown)
        # A reason once seen stays at 0: an alert sees it end, and there are only a few.
        reasons = Tally(one.reason for one in plan.blocked)
        facts.blocked = {**dict.fromkeys(facts.blocked, 0), **reasons}

    def observe_outcome(self, plan: Plan, failures: Mapping[Ref, ReconcileError]) -> None:
        """The steps of ``plan`` were tried; drift counts once it is undone."""
        for step in (*plan.steps, *plan.due):
            if step.ref not in failures:
                self._steps.labels(step.ref.kind, StepResult.OK).inc()
        for ref, error in failures.items():
            waits = isinstance(error, Waiting)
            self._steps.labels(ref.kind, StepResult.WAITING if waits else StepResult.FAILED).inc()
        for change in plan.changes:
            if change.cause is Cause.DRIFT and change.ref not in failures:
                self._drift.labels(change.ref.kind).inc()

    def set_status(self, status: View) -> None:
        """The status view as it is now; series of what it does not name any more are gone."""
        self._facts.status = status

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The page in the format the ``Accept`` header asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class _Facts(Collector):
    """Series that live exactly as long as what they speak of, built anew for each scrape.

    Facts are replaced whole and never changed in place: a scrape may run in its own thread.
    """

    def __init__(self) -> None:
        self.status: View = {}
        self.differing: Collection[str] | None = None
        self.unseen: Collection[str] = ()
        self.blocked: Mapping[str, int] = {}

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        status = self.status
        resources = status.get("resources", ())
        yield from _versions(status)
        yield self._blocked()
        yield self._in_sync([view for view in resources if not view["system"]])
        yield from _conditions(resources)
        yield from _processes([view for view in resources if view["kind"] == "Process"])
        yield _backups([view for view in resources if view["kind"] == "SyncTarget"])
        yield _table([view for view in resources if view["kind"] in {"Gateway", "Route"}])

    def _blocked(self) -> Metric:
        blocked = _gauge("blocked", "Changes held back by the last plan, by reason.", "reason")
        for reason, count in self.blocked.items():
            blocked.add_metric([reason], count)
        return blocked

    def _in_sync(self, resources: Iterable[View]) -> Metric:
        text = "1 when the world is as the specs say, 0 when not, -1 when it cannot be seen."
        in_sync = _gauge("resource_in_sync", text, "kind name")
        differing, unseen = self.differing, self.unseen
        for view in resources:
            truth = -1
            if differing is not None and view["kind"] not in unseen:
                truth = int(view["ref"] not in differing)
            in_sync.add_metric([view["kind"], view["name"]], truth)
        return in_sync


def _gauge(name: str, text: str, labels: str = "") -> GaugeMetricFamily:
    return GaugeMetricFamily(f"reconciler_{name}", text, labels=labels.split())


def _versions(status: View) -> Iterator[Metric]:
    build = _gauge("build_info", "What is running: always 1.", "version python")
    build.add_metric([__version__, platform.python_version()], 1)
    yield build
    revision = _gauge("spec_revision_info", "The revision of the specs in use.", "revision")
    if status.get("revision"):
        revision.add_metric([status["revision"]], 1)
    yield revision
    problems = _gauge("spec_problems", "Problems found in the specs.")
    problems.add_metric([], len(status.get("problems", ())))
    yield problems


def _conditions(resources: Iterable[View]) -> Iterator[Metric]:
    healthy = _gauge("resource_healthy", "1 healthy, 0 not, -1 unknown.", "kind name")
    states = _gauge("resource_condition", "1 true, 0 false, -1 unknown.", "kind name type")
    for view in resources:
        key = [view["kind"], view["name"]]
        code = view["health"]["code"]
        if code in HEALTHY:  # what is suspended is not judged
            healthy.add_metric(key, HEALTHY[code])
        for condition in view["conditions"]:
            states.add_metric([*key, condition["type"]], TRUTH[condition["status"]])
    yield from (healthy, states)


def _processes(processes: Iterable[View]) -> Iterator[Metric]:
    up = _gauge("process_up", "1 while the process runs.", "name")
    total = "reconciler_process_restarts_total"
    restarts = CounterMetricFamily(total, "Restarts of a process.", labels=["name"])
    for view in processes:
        vitals = view["vitals"]
        if "state" in vitals:
            up.add_metric([view["name"]], vitals["state"] == "running")
        if vitals.get("restarts") is not None:
            restarts.add_metric([view["name"]], vitals["restarts"])
    yield from (up, restarts)


def _backups(targets: Iterable[View]) -> Metric:
    text = "When the last backup succeeded; 0: never."
    success = _gauge("sync_last_success_timestamp_seconds", text, "name")
    for view in targets:
        success.add_metric([view["name"]], _seconds(view["vitals"].get("lastBackup")))
    return success


def _table(planes: Iterable[View]) -> Metric:
    table = _gauge("route_table_version", "The version of the route table; 0 while unknown.")
    versions = (view["vitals"].get("version") for view in planes)
    table.add_metric([], max((one for one in versions if isinstance(one, int)), default=0))
    return table


def _seconds(when: float | str | None) -> float:
    return datetime.fromisoformat(when).timestamp() if isinstance(when, str) else when or 0.0
