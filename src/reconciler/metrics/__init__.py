"""What Prometheus sees of the operator: every metric, in one place."""

from __future__ import annotations

import platform
import re
import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Collection, Iterable
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import disable_created_metrics

from .. import __version__
from .facts import Facts, View

# A pass of the stack lane takes milliseconds, a push of the backup lane minutes.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


END: Final = b"# EOF\n"


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
        self.traffic: Callable[[], Awaitable[str]] = _nothing
        """Where to ask for what the gateway has counted."""
        self._facts = Facts()
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

    def render(self, accept: str = "", beside: str = "") -> tuple[bytes, str]:
        """The page in the format the ``Accept`` header asks for, and its content type.

        ``beside`` are families that somebody else has counted, in the text format.
        """
        encode, content_type = choose_encoder(accept)
        page = encode(self.registry)
        if page.endswith(END):
            return page.removesuffix(END) + _open(beside).encode() + END, content_type
        return page + beside.encode(), content_type


def _open(families: str) -> str:
    """The same in OpenMetrics, where a family of counters is named without its ending."""
    return re.sub(r"^(# (?:HELP|TYPE) \S+)_total ", r"\1 ", families, flags=re.MULTILINE)


async def _nothing() -> str:
    return ""
