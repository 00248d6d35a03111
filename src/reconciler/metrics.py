"""What Prometheus sees of the operator: every metric, in one place."""

from __future__ import annotations

import platform
import time
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import disable_created_metrics
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from . import __version__

View: TypeAlias = Mapping[str, Any]

# A pass of the stack lane takes milliseconds, a push of the backup lane minutes.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
TRUTH: Final = {"True": 1, "False": 0, "Unknown": -1}
HEALTHY: Final = {"Healthy": 1, "Progressing": 0, "Degraded": 0, "Unknown": -1}


class PassResult(StrEnum):
    """How a pass ended: all done, a step failed, or part of the world could not be seen."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class StepResult(StrEnum):
    """How a step ended: done, to be looked at again soon, or failed."""

    SUCCESS = "success"
    WAITING = "waiting"
    FAILURE = "failure"


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
        build = Gauge(
            "reconciler_build_info",
            "What is running: always 1.",
            ["version", "python"],
            registry=self.registry,
        )
        build.labels(__version__, platform.python_version()).set(1)
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

    def observe_pass(self, lane: str, result: PassResult, seconds: float) -> None:
        """A pass of ``lane`` ended."""
        self._passes.labels(lane, result).inc()
        self._seconds.labels(lane).observe(seconds)
        self._last_pass.labels(lane).set(self._now())
        if result is PassResult.SUCCESS:
            self._last_apply.set(self._now())

    def count_step(self, kind: str, result: StepResult) -> None:
        """What was to be done for a resource of ``kind`` was tried."""
        self._steps.labels(kind, result).inc()

    def count_drift(self, kind: str) -> None:
        """A change made outside the specs to something of ``kind`` was undone."""
        self._drift.labels(kind).inc()

    def set_resources(
        self,
        views: Iterable[View],
        *,
        differing: Collection[str] = (),
        unseen: Collection[str] = (),
    ) -> None:
        """The resources of a status view as they are now; series of all others are gone.

        ``differing`` are refs not in sync, ``unseen`` kinds of which nobody can say.
        """
        self._facts.resources = tuple(views)
        self._facts.differing = frozenset(differing)
        self._facts.unseen = frozenset(unseen)

    def set_blocked(self, reasons: Iterable[str]) -> None:
        """The reasons of what the last plan held back, one per change."""
        # A reason once seen stays at 0: an alert sees it end, and there are only a few.
        self._facts.blocked = {**dict.fromkeys(self._facts.blocked, 0), **Tally(reasons)}

    def set_specs(self, revision: str, *, problems: int) -> None:
        """The revision of the specs in use, and how many problems they have."""
        self._facts.revision, self._facts.problems = revision, problems

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The page in the format the ``Accept`` header asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class _Facts(Collector):
    """Series that live exactly as long as what they speak of, built anew for each scrape.

    Facts are replaced whole and never changed in place: a scrape may run in its own thread.
    """

    def __init__(self) -> None:
        self.resources: tuple[View, ...] = ()
        self.differing: Collection[str] = ()
        self.unseen: Collection[str] = ()
        self.blocked: Mapping[str, int] = {}
        self.revision, self.problems = "", 0

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        resources = self.resources
        yield from self._specs()
        yield self._in_sync([view for view in resources if not view["system"]])
        yield from _conditions(resources)
        yield from _processes([view for view in resources if view["kind"] == "Process"])
        yield _backups([view for view in resources if view["kind"] == "SyncTarget"])
        yield _table([view for view in resources if view["kind"] in {"Gateway", "Route"}])

    def _specs(self) -> Iterator[Metric]:
        revision = _gauge("spec_revision_info", "The revision of the specs in use.", "revision")
        if self.revision:
            revision.add_metric([self.revision], 1)
        problems = _gauge("spec_problems", "Problems found in the specs.")
        problems.add_metric([], self.problems)
        blocked = _gauge("blocked", "Changes held back by the last plan, by reason.", "reason")
        for reason, count in self.blocked.items():
            blocked.add_metric([reason], count)
        yield from (revision, problems, blocked)

    def _in_sync(self, resources: Iterable[View]) -> Metric:
        text = "1 when the world is as the specs say, 0 when not, -1 when it cannot be seen."
        in_sync = _gauge("resource_in_sync", text, "kind name")
        for view in resources:
            truth = -1 if view["kind"] in self.unseen else int(view["ref"] not in self.differing)
            in_sync.add_metric([view["kind"], view["name"]], truth)
        return in_sync


def _gauge(name: str, text: str, labels: str = "") -> GaugeMetricFamily:
    return GaugeMetricFamily(f"reconciler_{name}", text, labels=labels.split())


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
        success.add_metric([view["name"]], view["vitals"].get("backed") or 0)
    return success


def _table(planes: Iterable[View]) -> Metric:
    table = _gauge("route_table_version", "The version of the route table; 0 while unknown.")
    versions = (view["vitals"].get("version") for view in planes)
    table.add_metric([], max((one for one in versions if isinstance(one, int)), default=0))
    return table
