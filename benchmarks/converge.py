"""From the edit of a spec to the program that really runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count as counting
from pathlib import Path

from .rounds import Board, milliseconds
from .sides import Ours, Peer, Side, both, folder
from .tick import build

AHEAD = 20.0
"""Times ahead of supervisorctl, for one change among few."""


def converge(board: Board, *, sizes: tuple[int, ...], rounds: int, repeats: int) -> None:
    """All of N, then one added, changed and removed, against supervisorctl."""
    for size in sizes:
        for number in range(rounds + 1):
            # The first start ever reads everything from the disk: it does not count.
            _one_round(board if number else Board(), size, repeats, swap=bool(number % 2))


def _one_round(board: Board, size: int, repeats: int, *, swap: bool) -> None:
    with both(size) as (ours, peer):
        programs = {f"p{number:04d}": "0" for number in range(size)}
        sides: list[Ours | Peer] = [peer, ours] if swap else [ours, peer]
        for side in sides:
            _note(board, f"all of {size}", side, _started(side, programs))
        ours.wait_settled()
        _settle(peer, size)
        values = counting(1)
        for _ in range(repeats):
            for name, work in _single(programs).items():
                value = str(next(values))
                for side in sides:
                    _note(board, f"{name} of {size}", side, work(side, value))
                ours.wait_settled()
            sides.reverse()
        assert ours.ticks.count() == peer.ticks.count() == size + 2 * repeats, "extra starts"


def _single(programs: Mapping[str, str]) -> dict[str, Callable[[Side, str], float]]:
    first = next(iter(programs))
    return {
        "one added": lambda side, value: _started(side, {"added": value}),
        "one changed": lambda side, value: _started(side, {first: value}),
        "one removed": lambda side, _: _removed(side, "added"),
    }


def _started(side: Side, programs: Mapping[str, str]) -> float:
    began = time.monotonic_ns()
    side.edit(programs)
    side.apply()
    return milliseconds(began, side.ticks.wait(programs))


def _removed(side: Side, name: str) -> float:
    pid = side.ticks.last()[name].pid
    began = time.monotonic_ns()
    side.remove([name])
    side.apply()
    ended = side.wait_forgotten([name])
    assert not Path(f"/proc/{pid}").exists(), "forgotten, and still there"
    return milliseconds(began, ended)


def _settle(peer: Peer, size: int) -> None:
    while peer.control("status").count(" RUNNING ") < size:
        time.sleep(0.2)


def _note(board: Board, name: str, side: Side, took: float) -> None:
    among_few = name.startswith("one changed") and int(name.rpartition(" ")[2]) <= 10
    row = board.row(
        f"edit -> {name}",
        peer_name="reread && update",
        least=AHEAD if among_few else None,
    )
    (row.ours if isinstance(side, Ours) else row.peer).append(took)


def commit(board: Board, *, size: int, rounds: int) -> None:
    """From before `git commit` to the program that runs, among some others."""
    row = board.row(f"commit -> one changed of {size}")
    row.note = "git add and git commit are included"
    with folder() as place:
        ours = Ours(place, build(place), commit=True)
        programs = {f"p{number:04d}": "0" for number in range(size)}
        ours.edit(programs)
        ours.apply()
        with ours.running():
            ours.ticks.wait(programs)
            ours.wait_settled()
            for value in _values(rounds):
                row.ours.append(_started(ours, {"p0000": value}))


def _values(rounds: int) -> Iterator[str]:
    return (str(number + 1) for number in range(rounds))
