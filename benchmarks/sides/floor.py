"""A loop that starts programs and keeps none: the floor below every manager."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .tick import Ticks

SOURCE: Final = Path(__file__).with_name("floor.c")


class Floor:
    """posix_spawn in C, one after the other."""

    name = "spawn loop"

    def __init__(self, place: Path, tick: Path) -> None:
        self.ticks = Ticks(place / "ticks")
        self._tick = tick
        self._loop = place / "floor"
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-O2", "-static", "-o", self._loop, SOURCE], check=True)

    @contextmanager
    def started(self, count: int) -> Iterator[float]:
        """Milliseconds until the last of ``count`` really runs; they end with the block."""
        words = list(map(str, (self._loop, self._tick, self.ticks.path, count)))
        pipe = subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as loop:
            assert loop.stdout is not None
            began = int(loop.stdout.readline())
            names = {f"p{number:04d}": "0" for number in range(count)}
            yield (self.ticks.wait(names) - began) / 1e6
            loop.communicate("")
