"""s6: a folder per service, `s6-svscanctl` and `s6-svc`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler.testing import eventually

from .side import Side, process

RUN: Final = "#!/bin/sh\nexec {program} {log} {name} {value}\n"
MOST: Final = 4000
"""Services it makes room for."""


class S6(Side):
    """s6-svscan over a folder of links, so that a service goes when its link does."""

    name = "s6"

    def __init__(self, place: Path, program: Path) -> None:
        super().__init__(place, program)
        self._scan = place / "scan"
        self._services = place / "services"
        self._scan.mkdir()
        self._services.mkdir()
        self._pid = 0
        self._edited: list[str] = []

    def edit(self, programs: Mapping[str, str]) -> None:
        for name, value in programs.items():
            folder = self._services / name
            folder.mkdir(exist_ok=True)
            run, draft = folder / "run", folder / ".run"
            text = RUN.format(program=self.program, log=self.ticks.path, name=name, value=value)
            draft.write_text(text)
            draft.chmod(0o755)
            draft.replace(run)
            link = self._scan / name
            if link.is_symlink():
                self._edited.append(name)
            else:
                link.symlink_to(folder)

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self._scan / name).unlink()

    def apply(self) -> None:
        """Scan for new ones and end those that went; a changed one is restarted by name."""
        edited, self._edited = self._edited, []
        for name in edited:
            subprocess.run(["s6-svc", "-r", self._scan / name], check=True)
        if not edited:
            subprocess.run(["s6-svscanctl", "-an", self._scan], check=True)

    def wait_forgotten(self, name: str, pid: int) -> None:
        super().wait_forgotten(name, pid)
        service = self._services / name
        # The next of that name must not meet the supervisor of this one.
        eventually(
            lambda: subprocess.run(["s6-svok", service], check=False).returncode, 20, every=0.001
        )

    def keepers(self) -> Sequence[int]:
        children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text()
        return [self._pid, *map(int, children.split())]

    @contextmanager
    def running(self) -> Iterator[S6]:
        with process(["s6-svscan", "-c", str(MOST), self._scan]) as daemon:
            self._pid = daemon.pid
            eventually((self._scan / ".s6-svscan" / "control").exists, 20)
            try:
                yield self
            finally:
                subprocess.run(["s6-svscanctl", "-t", self._scan], check=False, capture_output=True)
                daemon.wait(60)
                self.end_programs()
