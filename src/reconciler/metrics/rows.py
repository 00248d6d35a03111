"""What the view of one resource says in numbers. The same view says the same for ever."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

View: TypeAlias = Mapping[str, Any]

TRUTH: Final = {"True": 1, "False": 0, "Unknown": -1}
HEALTHY: Final = {"Healthy": 1, "Progressing": 0, "Degraded": 0, "Unknown": -1}
VERDICTS: Final = {"success": 1, "failure": 0}
KILLED: Final = 128
"""What a shell adds to the number of a signal that ended something."""


class Row(NamedTuple):
    """One series: the short name of its family, the values of its labels, and its value."""

    family: str
    labels: tuple[str, ...]
    value: float


def rows(view: View) -> Iterator[Row]:
    """Every series that speaks of one resource and follows from its view alone."""
    yield from _resource(view)
    yield from _probes(view)
    yield from OF_KIND.get(view["kind"], _nothing)(view)


def _nothing(_: View) -> Iterator[Row]:
    return iter(())


def _resource(view: View) -> Iterator[Row]:
    key, code = (view["kind"], view["name"]), view["health"]["code"]
    if code in HEALTHY:  # what is suspended is not judged
        yield Row("resource_healthy", key, HEALTHY[code])
    for condition in view["conditions"]:
        yield Row("resource_condition", (*key, condition["type"]), TRUTH[condition["status"]])
    if not view["system"]:
        yield Row("resource_suspended", key, bool(view.get("suspend")))


def _probes(view: View) -> Iterator[Row]:
    for probe, found in (view["vitals"].get("probes") or {}).items():
        key = (view["kind"], view["name"], probe)
        yield Row("probe_success", key, VERDICTS.get(found["verdict"], -1))
        yield Row("probe_failures", key, found["failures"])


def _process(view: View) -> Iterator[Row]:
    key, vitals = (view["name"],), view["vitals"]
    state = vitals.get("state")
    if state is not None:
        yield Row("process_up", key, state == "running")
        yield Row("process_ready", key, "ready" in vitals.get("meets", ()))
        yield Row("process_gave_up", key, state == "failed")
    for family, fact in (("process_restarts_total", "restarts"), ("process_failures", "failures")):
        if vitals.get(fact) is not None:
            yield Row(family, key, vitals[fact])
    status = exit_status(vitals)
    if status is not None:
        yield Row("process_exit_status", key, status)


def exit_status(vitals: View) -> int | None:
    """As a shell tells it; None before the first end."""
    last = vitals.get("lastExit") or {"code": vitals.get("exitStatus"), "signal": None}
    if last.get("signal"):
        return KILLED + _number(str(last["signal"]))
    code: int | None = last.get("code")
    return code


def _number(name: str) -> int:
    try:
        return int(name) if name.isdecimal() else signal.Signals[f"SIG{name}"].value
    except KeyError:
        return 0


def _target(view: View) -> Iterator[Row]:
    key, vitals = (view["name"],), view["vitals"]
    for family, fact in MOMENTS.items():
        yield Row(family, key, vitals.get(fact) or 0)
    drill = vitals.get("drill") or {}
    yield Row("sync_last_verified_restore_timestamp_seconds", key, drill.get("verified") or 0)
    yield Row("sync_failing", key, bool(vitals.get("error")))
    for family, fact in AMOUNTS.items():
        if vitals.get(fact) is not None:
            yield Row(family, key, vitals[fact])


def _repository(view: View) -> Iterator[Row]:
    key, vitals = (view["name"],), view["vitals"]
    if vitals.get("reachable") is not None:
        yield Row("repository_reachable", key, bool(vitals["reachable"]))
    reached = vitals.get("reached")
    yield Row("repository_last_contact_timestamp_seconds", key, reached or 0)


def _stack(view: View) -> Iterator[Row]:
    for name, account in sorted((view["vitals"].get("notifications") or {}).items()):
        for result in ("sent", "failed", "dropped"):
            yield Row("notifications_total", (name, result), account[result])
        yield Row("notification_failing", (name,), bool(account["error"]))


MOMENTS: Final = {
    "sync_last_success_timestamp_seconds": "backed",
    "sync_last_attempt_timestamp_seconds": "attempt",
    "sync_last_restore_timestamp_seconds": "restored",
}
AMOUNTS: Final = {
    "sync_pending": "unpushed",
    "sync_skipped_files": "skippedCount",
    "sync_bytes": "bytes",
    "sync_files": "files",
    "sync_interval_seconds": "interval",
}
OF_KIND: Final[Mapping[str, Callable[[View], Iterator[Row]]]] = {
    "Process": _process,
    "Stack": _stack,
    "SyncTarget": _target,
    "Repository": _repository,
}
