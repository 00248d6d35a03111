"""The names of node_exporter's supervisord collector, for dashboards and alerts that use them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from .families import Family
from .rows import Row, View, exit_status

LABELS: Final = ("name", "group")
UP, STATE = "node_supervisord_up", "node_supervisord_state"
EXIT, START = "node_supervisord_exit_status", "node_supervisord_start_time_seconds"
TEXTS: Final = {
    UP: "Process Up",
    STATE: "Process State",
    EXIT: "Process Exit Status",
    START: "Process start time",
}
STATES: Final = {
    "stopped": 0,
    "waiting": 0,
    "armed": 0,
    "starting": 10,
    "running": 20,
    "backoff": 30,
    "stopping": 40,
    "completed": 100,
    "failed": 200,
}
UNKNOWN: Final = 1000
LIVE: Final = frozenset({10, 20, 40})
FAMILIES: Final = tuple(
    Family("gauge", name, text, LABELS, prefix="") for name, text in TEXTS.items()
)


def rows(processes: Iterable[View]) -> Iterator[Row]:
    """What the collector would say: supervisord's numbers, each process as a group of its own."""
    for view in processes:
        key, vitals = (view["name"], view["name"]), view["vitals"]
        state = STATES.get(str(vitals.get("state")), UNKNOWN)
        is_live = state in LIVE
        yield Row(UP, key, is_live)
        yield Row(STATE, key, state)
        yield Row(EXIT, key, exit_status(vitals) or 0)
        if is_live and vitals.get("since"):
            yield Row(START, key, int(vitals["since"]))
