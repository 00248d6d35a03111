"""Counts why processes were started again, from the last causes that are remembered of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .rows import Row, View

CRASH = "crash"
UNKNOWN = "unknown"
"""More restarts than causes that are remembered."""
PLANNED = "schedule"
"""The cause of a run that is no restart."""


class _Seen(NamedTuple):
    vitals: View
    newest: float
    restarts: int
    counts: Counter[str]


class Causes:
    """What was seen since this operator began. A first crash is a rise from 0."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def rows(self, processes: Iterable[View]) -> Iterator[Row]:
        """Take in what is known now; what is gone is forgotten."""
        before, self._seen = self._seen, {}
        for view in processes:
            if view["vitals"].get("causes") is not None:
                seen = _take(view["vitals"], before.get(view["name"]))
                self._seen[view["name"]] = seen
                for cause, count in seen.counts.items():
                    yield Row("process_restarts_by_cause_total", (view["name"], cause), count)


def _take(vitals: View, before: _Seen | None) -> _Seen:
    if before is not None and before.vitals is vitals:
        return before
    causes, restarts = vitals["causes"], int(vitals.get("restarts") or 0)
    newest = max((float(one["at"]) for one in causes), default=0.0)
    if before is None:  # what was before this operator is no news
        return _Seen(vitals, newest, restarts, Counter({CRASH: 0}))
    new = [str(one["cause"]) for one in causes if float(one["at"]) > before.newest]
    counts = before.counts + Counter(one for one in new if one != PLANNED)
    missed = restarts - before.restarts - sum(one != PLANNED for one in new)
    if missed > 0:
        counts[UNKNOWN] += missed
    counts[CRASH] += 0
    return _Seen(vitals, max(newest, before.newest), restarts, counts)
