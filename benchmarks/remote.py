"""From before `git commit` and `git push` to the program that runs, the specs being elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reconciler.testing.git_server import git

from .rounds import Board, Target
from .sides import build, folder
from .sides.elsewhere import Elsewhere, served

FLOOR: Final = "push and fetch"
NOTE: Final = "commit and push are included; the peer pushes the same and fetches it, and no more"
WAYS: Final = {"webhook": "1h", "reconcile": "1h", "poll": "1s"}
"""How the stack hears of a push, and how often it asks by itself."""


def remote(board: Board, *, size: int, rounds: int) -> None:
    """One changed program among some others, pushed to a git server over HTTP with a password."""
    for how, interval in WAYS.items():
        with folder() as place, served(place) as url:
            ours = Elsewhere(place, build(place), url, interval=interval)
            _pushes(board, ours, how, size=size, rounds=rounds)


def _pushes(board: Board, ours: Elsewhere, how: str, *, size: int, rounds: int) -> None:
    title = "polled every second" if how == "poll" else f"told by {how}"
    near = () if how == "poll" else (Target(FLOOR, within=3.0),)
    row = board.row(f"push, change 1 of {size}, {title}", "ms", *near, note=NOTE)
    mirror = _mirror(ours.place)
    with ours.holding(size):
        for number in range(rounds + 1):
            took = ours.pushed(f"{number + 1}", how)
            ours.settle(size)
            floor = ours.fetched(mirror, f"{number + 1}")
            ours.settle(size)
            if number:
                row.add(ours.name, took)
                row.add(FLOOR, floor)


def _mirror(place: Path) -> Path:
    path = place / "mirror.git"
    git(place, "init", "--quiet", "--bare", str(path))
    return path
