"""Series that say what is, drawn from the resources."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from . import supervisord
from .causes import Causes
from .rows import Row, View, rows
from .snapshot import Snapshot
from .text import FAMILIES, Lines, line, lines, page

STRIDE: Final = 100
NAP: Final = 0.001
"""Seconds for others after so many resources: who else wants the interpreter gets it then."""


class Used(Protocol):
    """What a process and all it started use."""

    @property
    def began(self) -> float: ...
    @property
    def cpu(self) -> float: ...
    @property
    def memory(self) -> int: ...
    @property
    def files(self) -> int | None: ...
    @property
    def members(self) -> int: ...


class Measures(Protocol):
    """Says what the processes of some pids use; those that are gone are left out."""

    def read(self, roots: Mapping[str, int], /) -> Mapping[str, Used]: ...


class Facts(Collector):
    """Series that live exactly as long as what they speak of.

    What follows from a view alone is written once, for the engine hands out the very same view
    until something changes. Used by one thread at a time; what it reads is replaced whole.
    """

    def __init__(self, meter: Measures | None = None, *, node_names: bool = False) -> None:
        self.now: Snapshot = Snapshot()
        self._meter = meter
        self._node_names = node_names
        self._causes = Causes()
        self._written: dict[str, tuple[View, Lines]] = {}

    def text(self) -> str:
        """The series as Prometheus reads them."""
        now = self.now
        found: defaultdict[str, list[str]] = defaultdict(list)
        before, self._written = self._written, {}
        for number, view in enumerate(now.resources, 1):
            if number % STRIDE == 0:
                time.sleep(NAP)
            known = before.get(view["ref"])
            if known is None or known[0] is not view:
                known = (view, lines(rows(view)))
            self._written[view["ref"]] = known
            for family, text in known[1]:
                found[family].append(text)
        for number, row in enumerate(self._fleeting(now), 1):
            if number % (10 * STRIDE) == 0:
                time.sleep(NAP)
            found[row.family].append(line(row))
        return page(found)

    def collect(self) -> Iterator[Metric]:
        """The same for a registry of the library, which takes its time."""
        now = self.now
        found: defaultdict[str, list[Row]] = defaultdict(list)
        for view in now.resources:
            for row in rows(view):
                found[row.family].append(row)
        for row in self._fleeting(now):
            found[row.family].append(row)
        yield from (_metric(short, found[short]) for short in FAMILIES if found[short])

    def _fleeting(self, now: Snapshot) -> Iterator[Row]:
        """What another scrape may see otherwise though no view has changed."""
        processes = now.processes()
        yield from now.rows()
        yield from self._causes.rows(processes)
        yield from self._usage(processes)
        if self._node_names:
            yield from supervisord.rows(processes)

    def _usage(self, processes: Iterable[View]) -> Iterator[Row]:
        if self._meter is None:
            return
        roots = {view["name"]: int(view["vitals"].get("pid") or 0) for view in processes}
        used = self._meter.read({name: pid for name, pid in roots.items() if pid})
        for name, one in used.items():
            key = (name,)
            yield Row("process_start_time_seconds", key, one.began)
            yield Row("process_cpu_seconds_total", key, one.cpu)
            yield Row("process_resident_memory_bytes", key, one.memory)
            yield Row("process_members", key, one.members)
            if one.files is not None:
                yield Row("process_open_fds", key, one.files)


KINDS: Final = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}


def _metric(short: str, own: Iterable[Row]) -> Metric:
    family = FAMILIES[short]
    metric: Metric = KINDS[family.type](family.name, family.text, labels=family.labels)
    for row in own:
        metric.add_sample(family.name, dict(zip(family.labels, row.labels, strict=True)), row.value)
    return metric
