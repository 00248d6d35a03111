"""How long a command takes to say something."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Final

from .rounds import OURS, Board, Target, interleave, timed
from .sides import BIN, Ours, Supervisord, both

FLOORS: Final = {"--help": 150.0, "version": 150.0, "status": 150.0, "validate": 350.0}
FEW: Final = 5


def starting(board: Board, *, rounds: int) -> None:
    """Our verbs against a Python that does nothing, and against supervisorctl."""
    with both(FEW) as (ours, peer):
        programs = {f"p{number:04d}": "0" for number in range(FEW)}
        for side in (ours, peer):
            side.started(programs)
            side.settle(FEW)
        taken = interleave(_contenders(ours, peer), rounds=rounds, warm=2)
    for verb, limit in FLOORS.items():
        row = board.row(f"reconciler {verb}", "ms", Target(within=limit))
        row.add(OURS, *taken[verb])
        for peer_name in ("supervisorctl version", "python -I -c pass"):
            row.add(peer_name, *taken[peer_name])


def _contenders(ours: Ours, peer: Supervisord) -> Mapping[str, Callable[[], float]]:
    return {
        "python -I -c pass": _run([sys.executable, "-I", "-c", "pass"]),
        "supervisorctl version": _run(peer.command("version"), say="."),
        "--help": _run([str(BIN / "reconciler"), "--help"], say="Commands"),
        "version": _run([str(BIN / "reconciler"), "version"], say="reconciler"),
        "status": _run(ours.command("status"), say="in sync"),
        "validate": _run(ours.command("validate"), say="valid"),
    }


def _run(words: list[str], *, say: str = "") -> Callable[[], float]:
    environment = {**os.environ, "COLUMNS": "100"}

    def once() -> None:
        done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
        assert say in done.stdout, f"{words}: {done.stdout}"

    return lambda: timed(once)
