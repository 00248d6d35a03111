"""Interleaved rounds, medians, and the table they become."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

RESULTS: Final = Path(__file__).with_name("results") / "latest.json"


@dataclass(slots=True)
class Row:
    """One comparison, and what it must reach.

    ``limit``: ours must stay below it; ``least``: ours must be that many times ahead of the peer.
    """

    name: str
    unit: str
    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    peer_name: str = ""
    least: float | None = None
    limit: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times more the peer needs."""
        if not self.ours or not self.peer or not statistics.median(self.ours):
            return None
        return statistics.median(self.peer) / statistics.median(self.ours)

    @property
    def verdict(self) -> str:
        """Whether a floor is reached; empty when there is none."""
        if self.least is not None and self.ratio is not None:
            return "ok" if self.ratio >= self.least else f"below {self.least:g}x"
        if self.limit is not None and self.ours:
            # An absolute is promised for an idle machine: the fastest round comes nearest to one.
            return "ok" if min(self.ours) <= self.limit else f"above {self.limit:g}"
        return ""


class Board:
    """Collects the samples of a run by name."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def row(self, name: str, unit: str = "ms", **more: object) -> Row:
        """The row of that name, made when it is new."""
        if name not in self.rows:
            self.rows[name] = Row(name, unit, **more)  # type: ignore[arg-type] # as Row says
        return self.rows[name]


def milliseconds(began: int, ended: int) -> float:
    return (ended - began) / 1e6


def timed(work: Callable[[], object]) -> float:
    """How many milliseconds ``work`` takes."""
    began = time.perf_counter_ns()
    work()
    return milliseconds(began, time.perf_counter_ns())


def interleave(
    contenders: Mapping[str, Callable[[], float]], *, rounds: int, warm: int = 1
) -> dict[str, list[float]]:
    """Each contender once a round, in turn; the first ``warm`` rounds do not count."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + warm):
        names = list(contenders)
        for name in names if number % 2 else reversed(names):
            took = contenders[name]()
            if number >= warm:
                found[name].append(took)
    return found


def table(rows: Iterable[Row]) -> str:
    """Everything for a person."""
    head = ("benchmark", "ours", "peer", "ratio", "rounds", "floor")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(_align(line, widths) for line in lines)


def _align(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    text = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return "  ".join(text).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    ratio = row.ratio
    return (
        row.name,
        _value(row.ours, row.unit),
        f"{row.peer_name} {_value(row.peer, row.unit)}".strip() if row.peer else "-",
        f"{ratio:.1f}x" if ratio is not None else "-",
        str(len(row.ours)),
        row.verdict,
    )


def _value(samples: Sequence[float], unit: str) -> str:
    if not samples:
        return "-"
    middle = statistics.median(samples)
    return f"{middle:.{0 if middle >= 100 else 2 if middle < 10 else 1}f} {unit}"


def write(rows: Iterable[Row], path: Path = RESULTS) -> None:
    """Everything for a machine, samples and all."""
    path.parent.mkdir(exist_ok=True)
    body = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "rows": [
            {
                "name": row.name,
                "unit": row.unit,
                "ours": row.ours,
                "peer": row.peer,
                "peerName": row.peer_name,
                "ratio": row.ratio,
                "verdict": row.verdict,
                "note": row.note,
            }
            for row in rows
        ],
    }
    path.write_text(json.dumps(body, indent=1) + "\n")
