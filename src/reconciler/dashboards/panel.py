"""Panels and dashboards, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

YES: Final = {"1": "yes", "0": "no", "-1": "unknown"}
"""What facts are called that hold, do not, or nobody knows about."""


class Query(NamedTuple):
    """What is asked of Prometheus, and how its series are called in the legend."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """One picture. ``kind`` is ``timeseries``, ``stat`` or ``table``."""

    title: str
    queries: tuple[Query, ...]
    text: str = ""
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 8
    bad: float | None = None
    """From this value on it is shown in red."""
    names: Mapping[str, str] = {}
    """What some values are called."""
    stacked: bool = False


class Row(NamedTuple):
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


class Variable(NamedTuple):
    """A choice at the top of a dashboard, from the values of a label."""

    name: str
    series: str
    label: str
    every: bool = True
    """Whether all may be chosen at once."""


class Dashboard(NamedTuple):
    """One page."""

    uid: str
    title: str
    text: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()

    def panels(self) -> Iterator[Panel]:
        for row in self.rows:
            yield from row.panels


def series(title: str, *queries: str | Query, **more: Any) -> Panel:
    """A picture over time."""
    return Panel(title, tuple(map(_query, queries)), **more)


def stat(title: str, expr: str, **more: Any) -> Panel:
    """One number."""
    return Panel(title, (Query(expr),), kind="stat", **{"width": 4, "height": 4, **more})


def table(title: str, *queries: str | Query, **more: Any) -> Panel:
    """What is true now, a line for each series."""
    return Panel(title, tuple(map(_query, queries)), kind="table", **{"width": 24, **more})


def _query(one: str | Query) -> Query:
    return Query(one) if isinstance(one, str) else one


def rate(name: str, *by: str, of: str = "") -> str:
    """How much a counter grows in a second, by some labels or in all."""
    return f"{_sum(by)}(rate({name}{of}[$__rate_interval]))"


def increase(name: str, *by: str, of: str = "") -> str:
    """How much a counter has grown since the last point of the picture."""
    return f"{_sum(by)}(increase({name}{of}[$__rate_interval]))"


def quantiles(name: str, *by: str, of: str = "") -> tuple[Query, ...]:
    """What half of all took less than, and 99 of a hundred."""
    named = "".join(f"{{{{{label}}}}} " for label in by)
    buckets = rate(f"{name}_bucket", "le", *by, of=of)
    return tuple(
        Query(f"histogram_quantile({part}, {buckets})", f"{named}{text}")
        for part, text in ((0.5, "half"), (0.99, "99 %"))
    )


def _sum(by: tuple[str, ...]) -> str:
    return f"sum by ({', '.join(by)}) " if by else "sum"
