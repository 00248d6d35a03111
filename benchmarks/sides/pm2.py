"""PM2: an ecosystem file, `pm2 startOrReload` for what was edited in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .install import PM2
from .side import Side, write


class Pm2(Side):
    """PM2 with a home of its own."""

    name = "pm2"

    def __init__(self, place: Path, program: Path) -> None:
        super().__init__(place, program)
        self._home = place / "pm2"
        self._programs: dict[str, str] = {}
        self._edited: list[str] = []
        self._removed: list[str] = []

    def edit(self, programs: Mapping[str, str]) -> None:
        self._programs |= programs
        self._edited += programs
        self._write()

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            del self._programs[name]
            self._removed.append(name)
        self._write()

    def apply(self) -> None:
        """Name what was edited, where it is not all: whatever is named is restarted."""
        edited, self._edited = self._edited, []
        removed, self._removed = self._removed, []
        if edited:
            some = edited if len(edited) < len(self._programs) else []
            only = ["--only", ",".join(some)] if some else []
            self._control("startOrReload", str(self._file), *only)
        if removed:
            self._control("delete", *removed)

    def idle(self) -> None:
        self._control("startOrReload", str(self._file))

    def keepers(self) -> Sequence[int]:
        return [int((self._home / "pm2.pid").read_text())]

    def listing(self) -> list[str]:
        return self._command("ls")

    def environ(self) -> dict[str, str]:
        """What its command needs to find this home, and no other."""
        own = {"PM2_HOME": str(self._home), "HOME": str(self.place), "PM2_NO_INTERACTION": "true"}
        return {**os.environ, **own, "PM2_DISABLE_VERSION_CHECK": "true"}

    @contextmanager
    def running(self) -> Iterator[Pm2]:
        self._control("ping")
        try:
            yield self
        finally:
            # Its orderly end takes a while for each program; this one needs none.
            for pid in self.keepers():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.end_programs()

    @property
    def _file(self) -> Path:
        return self.place / "ecosystem.config.json"

    def _write(self) -> None:
        apps = [self._app(name, value) for name, value in self._programs.items()]
        write(self._file, json.dumps({"apps": apps}))

    def _app(self, name: str, value: str) -> dict[str, object]:
        return {
            "name": name,
            "script": str(self.program),
            "args": [str(self.ticks.path), name, value],
            "interpreter": "none",
            "cwd": "/",
        }

    def _control(self, *words: str) -> str:
        done = subprocess.run(
            self._command(*words), check=False, capture_output=True, text=True, env=self.environ()
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _command(self, *words: str) -> list[str]:
        return [str(PM2 / "pm2"), *words]
