"""How long a command takes to say something."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Final

from .rounds import Board, interleave, timed
from .sides import BIN, Ours, Peer, both

FLOORS: Final = {"--help": 150.0, "version": 150.0, "status": 150.0, "validate": 350.0}
FEW: Final = 5


def starting(board: Board, *, rounds: int) -> None:
    """Our verbs against a Python that does nothing, and against supervisorctl."""
    with both(FEW) as (ours, peer):
        programs = {f"p{number:04d}": "0" for number in range(FEW)}
        for side in (ours, peer):
            side.edit(programs)
            side.apply()
            side.ticks.wait(programs)
        ours.wait_settled()
        taken = interleave(_contenders(ours, peer), rounds=rounds, warm=2)
    for verb, limit in FLOORS.items():
        row = board.row(f"reconciler {verb}", peer_name="supervisorctl version", limit=limit)
        row.ours, row.peer = taken[verb], taken["supervisorctl"]
        bare = board.row(f"reconciler {verb}, again", peer_name="python -I -c pass")
        bare.ours, bare.peer = taken[verb], taken["bare"]


def _contenders(ours: Ours, peer: Peer) -> Mapping[str, Callable[[], float]]:
    return {
        "bare": _run([sys.executable, "-I", "-c", "pass"]),
        "supervisorctl": _run(peer.command("version"), say="."),
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
