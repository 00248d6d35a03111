"""What every side of the comparison can do, each in its own folder."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from reconciler.testing import eventually

from .tick import Ticks


class Side(ABC):
    """A process manager and the programs it runs.

    ``edit`` and ``remove`` write files only; ``apply`` is what a person does then.
    """

    name: ClassVar[str]

    def __init__(self, place: Path, program: Path) -> None:
        self.place = place
        self.program = program
        self.ticks = Ticks(place / "ticks")

    @abstractmethod
    def running(self) -> AbstractContextManager[object]:
        """Up, for as long as the block lasts; it runs nothing yet."""

    @abstractmethod
    def edit(self, programs: Mapping[str, str]) -> None:
        """Write down that these (name -> value) are to run."""

    @abstractmethod
    def remove(self, names: Iterable[str]) -> None:
        """Write down that these are to be gone."""

    @abstractmethod
    def apply(self) -> None:
        """Have what was written down done."""

    def idle(self) -> None:
        """What a person does who does not know whether anything changed."""
        self.apply()

    def settle(self, count: int) -> None:
        """Wait until it has nothing left to do."""
        eventually(lambda: len(self.alive()) == count, 120, every=0.1)

    @abstractmethod
    def keepers(self) -> Sequence[int]:
        """The processes it needs to keep the programs."""

    def listing(self) -> list[str]:
        """The command that says how everything is; empty when there is none."""
        return []

    def environ(self) -> dict[str, str] | None:
        """What its commands need to find it; None: what everybody has."""
        return None

    def started(self, programs: Mapping[str, str]) -> float:
        """Milliseconds from the edit until the last of them really runs."""
        began = time.monotonic_ns()
        self.edit(programs)
        self.apply()
        return (self.ticks.wait(programs) - began) / 1e6

    def removed(self, name: str) -> float:
        """Milliseconds from the edit until nothing of it is left."""
        pid = self.ticks.last()[name].pid
        began = time.monotonic_ns()
        self.remove([name])
        self.apply()
        self.wait_forgotten(name, pid)
        return (time.monotonic_ns() - began) / 1e6

    def wait_forgotten(self, name: str, pid: int) -> None:
        """Wait until its process is reaped; those whose command returns earlier are waited for."""
        del name
        eventually(lambda: not Path(f"/proc/{pid}").exists(), 60, every=0.001)

    def killed(self, name: str) -> float:
        """Milliseconds from the kill of a program until its next life really runs."""
        pid = self.ticks.last()[name].pid
        began = time.monotonic_ns()
        os.kill(pid, signal.SIGKILL)
        return (self.ticks.wait_again(name, pid) - began) / 1e6

    def alive(self) -> frozenset[int]:
        """The programs that run; each is looked at in the kernel."""
        return frozenset(pid for pid in self.ticks.pids() if runs(pid, self.program))

    def end_programs(self) -> None:
        """End what a manager that was killed left behind."""
        for pid in self.alive():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def runs(pid: int, program: Path) -> bool:
    """Whether ``pid`` is this very program."""
    try:
        return Path(f"/proc/{pid}/exe").readlink() == program
    except OSError:
        return False


@contextmanager
def folder(prefix: str = "rb-") -> Iterator[Path]:
    """A short folder of this run's own."""
    path = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def lasting_folder() -> Path:
    """The same, removed when all is measured.

    For minutes ext4 gives the inodes of removed files to nobody, and whoever creates one meanwhile
    looks past all of them: what one round leaves behind would be paid by the next.
    """
    path = Path(tempfile.mkdtemp(prefix="rb-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def write(path: Path, text: str) -> None:
    """As editors do: nobody ever reads half a file. In few calls, for the clock runs already."""
    folder, name = os.path.split(path)
    temporary = f"{folder}/.{name}"
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    os.write(file, text.encode())
    os.close(file)
    os.rename(temporary, path)  # noqa: PTH104 (pathlib takes as long as the rest)


@contextmanager
def process(
    words: Sequence[str | Path],
    *,
    environ: Mapping[str, str] | None = None,
    end: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is told to end, and waited for."""
    quiet = subprocess.DEVNULL
    clean = {key: value for key, value in os.environ.items() if "RECONCILER" not in key}
    environment = {**clean, **(environ or {})}
    with subprocess.Popen(words, stdin=quiet, stdout=quiet, stderr=quiet, env=environment) as one:
        try:
            yield one
        finally:
            one.send_signal(end)
            one.wait(120)
