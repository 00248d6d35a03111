"""A program that writes down when it began: "running" means that it really was executed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

PATIENCE: Final = 120.0
POLL: Final = 0.002
SOURCE: Final = Path(__file__).with_name("tick.c")


class Start(NamedTuple):
    """One start of one program, on the clock of ``time.monotonic_ns``."""

    name: str
    value: str
    pid: int
    nanoseconds: int


def build(folder: Path) -> Path:
    """The compiled program; it is small, so that nothing but the start itself is measured."""
    program = folder / "tick"
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-O2", "-static", "-o", program, SOURCE], check=True)
    return program


class Ticks:
    """What all programs of one side wrote down."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._last: dict[str, Start] = {}
        self._pids: set[int] = set()

    def last(self) -> Mapping[str, Start]:
        """The latest start of each program."""
        self._take_in()
        return self._last

    def wait(self, wanted: Mapping[str, str]) -> int:
        """When the last of ``wanted`` (name -> value) began; waits for it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            last = self.last()
            if all(name in last and last[name].value == value for name, value in wanted.items()):
                return max(last[name].nanoseconds for name in wanted)
            time.sleep(POLL)
        late = [name for name in wanted if name not in self._last]
        raise TimeoutError(f"{self.path}: never started: {late[:5]}")

    def wait_again(self, name: str, before: int) -> int:
        """When the next life of ``name`` after process ``before`` began; waits for it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            start = self.last().get(name)
            if start is not None and start.pid != before:
                return start.nanoseconds
            time.sleep(POLL)
        raise TimeoutError(f"{self.path}: {name} was not started again")

    def pids(self) -> frozenset[int]:
        """Every process there ever was; a number may have gone to another program since."""
        self._take_in()
        return frozenset(self._pids)

    def count(self) -> int:
        """How many starts there were."""
        return self.path.read_bytes().count(b"\n") if self.path.exists() else 0

    def _take_in(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode().splitlines():
            name, value, pid, began = line.split()
            self._last[name] = Start(name, value, int(pid), int(began))
            self._pids.add(int(pid))
