"""What Prometheus sees of the operator: what is counted when it happens, and what is true now."""

from __future__ import annotations

import platform
import re
import threading
import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import MetricWrapperBase, disable_created_metrics

from .. import __version__
from .facts import Facts, Measures
from .families import BY_SHORT
from .rows import View
from .snapshot import Standing, Unfolding

# A pass of the stack lane takes milliseconds, a push of the backup lane minutes.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
LAGS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

END: Final = b"# EOF\n"
MetricT = TypeVar("MetricT", bound=MetricWrapperBase)


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
    ``meter`` says what processes use; with ``node_names`` their series also have the names of
    node_exporter's supervisord collector.
    """

    def __init__(
        self,
        meter: Measures | None = None,
        *,
        kinds: Iterable[str] = (),
        lanes: Iterable[str] = (),
        now: Callable[[], float] = time.time,
        node_names: bool = False,
    ) -> None:
        # Without this every counter drags a second series along in the text format.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library left it bare
        self.registry = CollectorRegistry()
        self._now = now
        self.traffic: Callable[[], Awaitable[str]] = _nothing
        """Where to ask for what the gateway has counted."""
        self.facts = Facts(meter, node_names=node_names)
        self._turn = threading.Lock()
        ProcessCollector(namespace="reconciler_operator", registry=self.registry)
        self._count()
        self._start(tuple(kinds), tuple(lanes))

    def _count(self) -> None:
        self._passes = self._make(Counter, "pass_total")
        self._drift = self._make(Counter, "drift_total")
        self._steps = self._make(Counter, "steps_total")
        self._seconds = self._make(Histogram, "pass_duration_seconds", buckets=BUCKETS)
        self._lag = self._make(Histogram, "loop_lag_seconds", buckets=LAGS)
        self._last_pass = self._make(Gauge, "last_pass_timestamp_seconds")
        self._last_apply = self._make(Gauge, "last_apply_success_timestamp_seconds")
        build = self._make(Gauge, "build_info")
        build.labels(__version__, platform.python_version()).set(1)

    def _make(self, metric: type[MetricT], short: str, **more: Any) -> MetricT:
        own = BY_SHORT[short]
        return metric(own.name, own.text, own.labels, registry=self.registry, **more)

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

    def observe_lag(self, seconds: float) -> None:
        """The loop did something so much later than it was to be done."""
        self._lag.observe(seconds)

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
        now = replace(self.facts.now, resources=tuple(views))
        self.facts.now = replace(now, differing=frozenset(differing), unseen=frozenset(unseen))

    def set_blocked(self, reasons: Iterable[str]) -> None:
        """The reasons of what the last plan held back, one per change."""
        # A reason once seen stays at 0: an alert sees it end, and there are only a few.
        blocked = {**dict.fromkeys(self.facts.now.blocked, 0), **Tally(reasons)}
        self.facts.now = replace(self.facts.now, blocked=blocked)

    def set_specs(self, revision: str, *, problems: int, since: float = 0.0) -> None:
        """The revision of the specs in use, since when, and how many problems they have."""
        since = since or self._now()
        if revision == self.facts.now.revision:
            since = self.facts.now.since
        self.facts.now = replace(self.facts.now, revision=revision, since=since, problems=problems)

    def set_standing(self, standing: Standing, unfolding: Unfolding) -> None:
        """How the operator itself does, and how far its revision has come."""
        self.facts.now = replace(self.facts.now, standing=standing, unfolding=unfolding)

    def render(self, accept: str = "", beside: str = "") -> tuple[bytes, str]:
        """The page in the format the ``Accept`` header asks for, and its content type.

        ``beside`` are families that somebody else has counted, in the text format. May be called
        in a thread: what it reads is replaced whole.
        """
        encode, content_type = choose_encoder(accept)
        counted = encode(self.registry)
        with self._turn:
            more = self.facts.text() + beside
        if counted.endswith(END):
            return counted.removesuffix(END) + _open(more).encode() + END, content_type
        return counted + more.encode(), content_type


def _open(families: str) -> str:
    """The same in OpenMetrics, where a family of counters is named without its ending."""
    return re.sub(r"^(# (?:HELP|TYPE) \S+)_total ", r"\1 ", families, flags=re.MULTILINE)


async def _nothing() -> str:
    return ""
