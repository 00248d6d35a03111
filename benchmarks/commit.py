"""From before `git commit` to the program that runs, among some others."""

from __future__ import annotations

from .rounds import Board
from .sides import Ours, build, folder


def commit(board: Board, *, size: int, rounds: int) -> None:
    """One changed program; ``git add`` and ``git commit`` are included."""
    row = board.row(f"commit, change 1 of {size}", note="git add and git commit are included")
    with folder() as place:
        ours = Ours(place, build(place), commit=True)
        with ours.holding(size):
            for number in range(rounds):
                row.add(ours.name, ours.started({"p0000": f"{number + 1}"}))
                ours.settle(size)
