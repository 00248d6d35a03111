"""Requests through a front with few and with many routes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ..rounds import OURS, Board, Target, turned
from ..sides import folder
from .fronts import PEERS, Front, Ours, Static, have, program
from .load import Taken, load, put_ahead

FEW, MANY = 10, 10_000
OFTEN = 4
PLAIN = Static.name


def traffic(board: Board, *, sizes: Sequence[int], rounds: int, seconds: int) -> None:
    """Everybody in turn; the first round is thrown away."""
    with folder() as place, program(place / "behind") as behind, ExitStack() as stack:
        fronts = [front for size in sizes for front in _line_up(place, behind, size)]
        for front in fronts:
            stack.enter_context(front.running())
        put_ahead(pid for front in fronts for pid in front.pids())
        for number in range(rounds + 1):
            for front in turned(fronts, number):
                pids = front.pids()
                taken = load(front.port, pids, routes=front.routes, seconds=seconds)
                if number:
                    _note(board, front, taken)
        _look_closer(board, fronts, rounds, seconds)


def _line_up(place: Path, behind: int, size: int) -> list[Front]:
    kinds = [Ours, *filter(have, PEERS)]
    return [kind(place / f"{kind.__name__.lower()}{size}", behind, size) for kind in kinds]


def _note(board: Board, front: Front, taken: Taken) -> None:
    size = front.routes
    within = (Target(PLAIN, within=1.25),) if size == MANY else ()
    row = board.row(f"gateway, processor per request, {size} routes", "us", *within)
    row.add(front.name, taken.processor)
    board.row(f"gateway, time per request, {size} routes", "us").add(front.name, taken.per_request)
    board.row(f"gateway, p99, {size} routes", "us").add(front.name, taken.p99)
    if front.name == OURS and size in {FEW, MANY}:
        told = "throughput among ten thousand at least 0.95 of that among ten"
        flat = Target(f"{FEW} routes", within=1 / 0.95)
        row = board.row(f"gateway, time per request, {MANY} against {FEW}", "us", flat, note=told)
        row.add(OURS if size == MANY else f"{FEW} routes", taken.per_request)


def _look_closer(board: Board, fronts: Sequence[Front], rounds: int, seconds: int) -> None:
    """What has a target, again and again: its sides differ by less than two runs of one do."""
    sides = [f for f in fronts if (f.name, f.routes) in {(OURS, FEW), (OURS, MANY), (PLAIN, MANY)}]
    for number in range(rounds * OFTEN):
        for front in turned(sides, number):
            taken = load(front.port, front.pids(), routes=front.routes, seconds=seconds)
            _note(board, front, taken)
