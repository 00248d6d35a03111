"""What the operator holds and burns while nothing happens."""

from __future__ import annotations

import os
import time
from pathlib import Path

from .rounds import Board
from .sides import both

MEGABYTES = 80.0


def footprint(board: Board, *, size: int, rounds: int, seconds: float) -> None:
    """The operator with N idle programs, against a supervisord that runs as many."""
    with both(size) as (ours, peer):
        programs = {f"p{number:04d}": "0" for number in range(size)}
        for side in (ours, peer):
            side.edit(programs)
            side.apply()
            side.ticks.wait(programs)
        ours.wait_settled()
        time.sleep(2.0)
        pids = operator, supervisord = ours.pids()["reconciler"], peer.pid()
        memory = board.row(f"RSS with {size}", "MB", peer_name="supervisord", limit=MEGABYTES)
        burnt_row = board.row(f"idle CPU with {size}", "%", peer_name="supervisord")
        for _ in range(rounds):
            mine, theirs = _watch(pids, seconds)
            burnt_row.ours.append(mine)
            burnt_row.peer.append(theirs)
        memory.ours, memory.peer = [resident(operator)], [resident(supervisord)]
        assert ours.ticks.count() == peer.ticks.count() == size


def _watch(pids: tuple[int, int], seconds: float) -> tuple[float, float]:
    """The share of a processor that each burns, in the same window of time."""
    before = [burnt(pid) for pid in pids]
    time.sleep(seconds)
    ours, peer = (100 * (burnt(pid) - was) / seconds for pid, was in zip(pids, before, strict=True))
    return ours, peer


def resident(pid: int) -> float:
    """Megabytes in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


def burnt(pid: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
