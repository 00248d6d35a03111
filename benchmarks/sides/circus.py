"""circus: one INI file, `circusctl reloadconfig` to make it read it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler.testing import eventually

from .install import CIRCUS
from .side import Side, process, write

BASE: Final = """\
[circus]
endpoint = ipc://{folder}/endpoint
pubsub_endpoint = ipc://{folder}/pubsub
"""
WATCHER: Final = """
[watcher:{name}]
cmd = {program}
args = {log} {name} {value}
"""


class Circus(Side):
    """circusd as it comes."""

    name = "circus"

    def __init__(self, place: Path, program: Path) -> None:
        super().__init__(place, program)
        self._programs: dict[str, str] = {}
        self._pid = 0
        self._write()

    def edit(self, programs: Mapping[str, str]) -> None:
        self._programs |= programs
        self._write()

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            del self._programs[name]
        self._write()

    def apply(self) -> None:
        self._control("reloadconfig", "--waiting")

    def keepers(self) -> Sequence[int]:
        return [self._pid]

    def listing(self) -> list[str]:
        return self._command("status")

    @contextmanager
    def running(self) -> Iterator[Circus]:
        # Its orderly end takes a while for each program; ours needs none.
        with process([CIRCUS / "circusd", self._file], end=signal.SIGKILL) as daemon:
            self._pid = daemon.pid
            eventually(lambda: self._control("numwatchers", check=False).strip() == "0", 30)
            try:
                yield self
            finally:
                daemon.kill()
                self.end_programs()

    @property
    def _file(self) -> Path:
        return self.place / "circus.ini"

    def _write(self) -> None:
        watchers = (
            WATCHER.format(program=self.program, log=self.ticks.path, name=name, value=value)
            for name, value in self._programs.items()
        )
        write(self._file, BASE.format(folder=self.place) + "".join(watchers))

    def _control(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(self._command(*words), check=False, capture_output=True, text=True)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout

    def _command(self, *words: str) -> list[str]:
        endpoint = f"ipc://{self.place}/endpoint"
        return [str(CIRCUS / "circusctl"), "--timeout", "120", "--endpoint", endpoint, *words]
