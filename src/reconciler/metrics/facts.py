"""Series that say what is, built from the views of the resources."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

View: TypeAlias = Mapping[str, Any]

TRUTH: Final = {"True": 1, "False": 0, "Unknown": -1}
HEALTHY: Final = {"Healthy": 1, "Progressing": 0, "Degraded": 0, "Unknown": -1}
VERDICTS: Final = {"success": 1, "failure": 0}


class Facts(Collector):
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
        yield from _probes(resources)
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
    ready = _gauge("process_ready", "1 while the process runs and its probes agree.", "name")
    total = "reconciler_process_restarts_total"
    restarts = CounterMetricFamily(total, "Restarts of a process.", labels=["name"])
    for view in processes:
        vitals = view["vitals"]
        if "state" in vitals:
            up.add_metric([view["name"]], vitals["state"] == "running")
            ready.add_metric([view["name"]], "ready" in vitals.get("meets", ()))
        if vitals.get("restarts") is not None:
            restarts.add_metric([view["name"]], vitals["restarts"])
    yield from (up, ready, restarts)


def _probes(resources: Iterable[View]) -> Iterator[Metric]:
    text = "1 when the last verdict of a probe is success, 0 when failure, -1 before there is one."
    success = _gauge("probe_success", text, "kind name probe")
    failures = _gauge("probe_failures", "Failures of a probe in a row.", "kind name probe")
    for view in resources:
        for probe, found in (view["vitals"].get("probes") or {}).items():
            key = [view["kind"], view["name"], probe]
            success.add_metric(key, VERDICTS.get(found["verdict"], -1))
            failures.add_metric(key, found["failures"])
    yield from (success, failures)


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
