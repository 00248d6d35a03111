"""What a scrape costs among many processes, and what it costs the loop meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from reconciler.clients.usage import Usage
from reconciler.metrics import Metrics
from reconciler.metrics.facts import Facts

from .rounds import Board, Target, interleave, milliseconds

SERIES = 15
CHANGED = 100
"""One of so many processes has changed since the last scrape."""
TICK = 0.001
LONG = 4.0
"""Seconds in which a loop is watched."""
LAG = "ticks of a millisecond with a scrape each second: 99 of 100 are less late"
SIDES = {"ours": 1.0, "back to back": 0.0, "no scrape": None}
"""How many seconds after a scrape the next one comes."""
MOST_LATE = 10.0
AGAINST, COLLECTOR = "Gauges", "collector"


class Fixed:
    """A meter that costs nothing: reading /proc is measured by itself."""

    def read(self, roots: Mapping[str, int]) -> dict[str, Usage]:
        return {name: Usage(1.7e9, 12.5, 1 << 26, 40, 3) for name in roots}


def scrape(board: Board, *, sizes: tuple[int, ...], rounds: int) -> None:
    """A page of N processes with 15 series or more each: ours, and as the library writes it."""
    for size in sizes:
        views = [_view(number) for number in range(size)]
        metrics = Metrics(Fixed())
        gauges, registry = _gauges(size)
        slow, slow_registry = Facts(Fixed()), CollectorRegistry()
        slow_registry.register(slow)

        def ours(metrics: Metrics = metrics, views: list[Any] = views) -> None:
            _touch(views)
            metrics.set_resources(views)
            metrics.render()

        def theirs(gauges: list[Gauge] = gauges, registry: CollectorRegistry = registry) -> None:
            for number in range(len(gauges[0]._metrics)):
                for gauge in gauges:
                    gauge.labels(f"p{number:04d}").set(number)
            generate_latest(registry)

        def collected(
            metrics: Metrics = metrics,
            slow: Facts = slow,
            registry: CollectorRegistry = slow_registry,
        ) -> None:
            slow.now = metrics.facts.now
            generate_latest(registry)

        ours()
        found = interleave(
            {
                "ours": partial(processor, ours),
                AGAINST: partial(processor, theirs),
                COLLECTOR: partial(processor, collected),
            },
            rounds=rounds,
        )
        row = board.row(
            f"scrape of {size}", "ms", Target(AGAINST, ahead=2.0), note="processor time"
        )
        for side, values in found.items():
            row.add(side, *values)
        _lag(board, metrics, views, size=size)


def processor(work: Callable[[], object]) -> float:
    """The processor time that ``work`` takes, in milliseconds: other work hardly changes it."""
    began = time.process_time_ns()
    work()
    return milliseconds(began, time.process_time_ns())


def _lag(board: Board, metrics: Metrics, views: list[Any], *, size: int) -> None:
    """The worst delay of a loop that wants to run every millisecond, alone and during scrapes."""
    usual = board.row(f"loop's lag at {size}", "ms", Target(within=MOST_LATE), note=LAG)
    worst = board.row(f"loop's worst lag at {size}", "ms", note="the latest of all ticks")
    for side, pause in SIDES.items():
        lags = sorted(asyncio.run(_ticks(metrics, views, pause)))
        usual.add(side, lags[int(len(lags) * 0.99)] * 1000)
        worst.add(side, lags[-1] * 1000)


async def _ticks(metrics: Metrics, views: list[Any], pause: float | None) -> list[float]:
    lags: list[float] = []
    ends = time.monotonic() + LONG
    work = None if pause is None else asyncio.create_task(_scrapes(metrics, views, pause))
    while time.monotonic() < ends:
        due = time.monotonic() + TICK
        await asyncio.sleep(TICK)
        lags.append(max(0.0, time.monotonic() - due))
    if work is not None:
        work.cancel()
    return lags


async def _scrapes(metrics: Metrics, views: list[Any], pause: float) -> None:
    """Each in a thread, as the operator does it."""
    while True:
        await asyncio.sleep(pause)
        _touch(views)
        metrics.set_resources(views)
        await asyncio.to_thread(metrics.render)


def _touch(views: list[Any]) -> None:
    for number in range(0, len(views), CHANGED):
        views[number] = {**views[number]}


def _view(number: int) -> Mapping[str, Any]:
    name = f"p{number:04d}"
    return {
        "ref": f"Process/{name}",
        "kind": "Process",
        "name": name,
        "system": False,
        "suspend": False,
        "health": {"code": "Healthy", "reason": "Running", "message": ""},
        "conditions": [
            {"type": kind, "status": "True"} for kind in ("Ready", "Reconciling", "Healthy")
        ],
        "vitals": {
            "state": "running",
            "pid": number + 2,
            "since": 1.7e9,
            "restarts": 1,
            "failures": 0,
            "causes": [],
            "meets": ["ready"],
        },
    }


def _gauges(size: int) -> tuple[list[Gauge], CollectorRegistry]:
    registry = CollectorRegistry()
    gauges = [
        Gauge(f"some_process_{number}", "Some number.", ["name"], registry=registry)
        for number in range(SERIES)
    ]
    for number in range(size):
        for gauge in gauges:
            gauge.labels(f"p{number:04d}").set(number)
    return gauges, registry
