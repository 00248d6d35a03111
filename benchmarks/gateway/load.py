"""Load on a front, and what it costs the front."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

CONNECTIONS: Final = 32
SCRIPT: Final = Path(__file__).with_name("load.lua")


class Taken(NamedTuple):
    """What one run of load came to, in microseconds."""

    per_request: float
    p99: float
    processor: float
    """Time of the front's processes for one request."""


def load(port: int, pids: Iterable[int], *, routes: int, seconds: int) -> Taken:
    """Ask for random routes for so long; a single answer that is not 2xx fails the benchmark."""
    pids = list(pids)
    before = processor_time(pids)
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(SCRIPT)]
    words += [f"http://127.0.0.1:{port}", "--", str(routes), str(random.randrange(1 << 30))]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    spent = processor_time(pids) - before
    line = next(line for line in done.stdout.splitlines() if line.startswith("@ "))
    count, duration, errors, p99 = (float(word) for word in line.split()[1:])
    assert not errors, f"port {port}: {errors:.0f} of {count:.0f} failed\n{done.stdout}"
    assert count > seconds, f"port {port}: nothing was answered\n{done.stdout}"
    return Taken(duration / count, p99, spent / count)


def put_ahead(pids: Iterable[int]) -> None:
    """Put these, and who loads them, ahead of other work on this machine, where we may."""
    with suppress(OSError):
        for pid in [*pids, os.getpid()]:
            Path(f"/proc/{pid}/autogroup").write_text("-20")
            os.setpriority(os.PRIO_PROCESS, pid, -20)


def processor_time(pids: Iterable[int]) -> float:
    """Microseconds that all threads of these processes have run."""
    threads = [path for pid in pids for path in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int((path / "schedstat").read_text().split()[0]) for path in threads) / 1000
