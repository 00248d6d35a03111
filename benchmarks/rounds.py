"""Interleaved rounds, medians, and what they are to reach."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

OURS: Final = "ours"


class Target(NamedTuple):
    """What is to be reached.

    ``ahead``: of ``peer``, at least that many times; ``within``: at most that many times what
    ``peer`` needs; without a peer, an absolute.
    """

    peer: str = ""
    ahead: float | None = None
    within: float | None = None
    side: str = OURS
    """Whose it is."""


class Verdict(NamedTuple):
    """Whether a target was reached."""

    reached: bool
    text: str


@dataclass(slots=True)
class Row:
    """One case: the samples of every side that took part."""

    name: str
    unit: str = "ms"
    targets: tuple[Target, ...] = ()
    note: str = ""
    samples: dict[str, list[float]] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    """What must be known about a side's number."""

    def add(self, side: str, *values: float) -> None:
        """Take in what a side needed."""
        self.samples.setdefault(side, []).extend(values)

    def median(self, side: str) -> float | None:
        """What a side usually needed."""
        values = self.samples.get(side)
        return statistics.median(values) if values else None

    def ratio(self, peer: str, side: str = OURS) -> float | None:
        """How many times more ``peer`` needs than ``side``."""
        mine, theirs = self.median(side), self.median(peer)
        return None if not mine or theirs is None else theirs / mine

    def verdicts(self) -> Iterator[Verdict]:
        """Every target that can be judged by these samples."""
        for target in self.targets:
            if self.samples.get(target.side) and (not target.peer or target.peer in self.samples):
                yield _judge(self, target)


def _judge(row: Row, target: Target) -> Verdict:
    who = "" if target.side == OURS else f"{target.side}: "
    if target.ahead is not None:
        ratio = row.ratio(target.peer, target.side) or 0.0
        text = f"{who}{ratio:.1f}x ahead of {target.peer}, wanted {target.ahead:g}x"
        return Verdict(ratio >= target.ahead, text)
    within = target.within or 0.0
    if target.peer:
        times = 1 / (row.ratio(target.peer, target.side) or float("inf"))
        text = f"{who}{times:.2f} times {target.peer}, wanted at most {within:g}"
        return Verdict(times <= within, text)
    # An absolute is promised for an idle machine: the fastest round comes nearest to one.
    best = min(row.samples[target.side])
    return Verdict(best <= within, f"{who}{best:.1f} {row.unit}, wanted at most {within:g}".strip())


class Board:
    """Collects the samples of a run by name."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def row(self, name: str, unit: str = "ms", *targets: Target, note: str = "") -> Row:
        """The row of that name, made when it is new."""
        return self.rows.setdefault(name, Row(name, unit, targets, note))


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
        for name in turned(list(contenders), number):
            took = contenders[name]()
            if number >= warm:
                found[name].append(took)
    return found


def turned(contenders: Sequence[T], number: int) -> list[T]:
    """Nobody is always the first."""
    start = number % len(contenders) if contenders else 0
    return [*contenders[start:], *contenders[:start]]
