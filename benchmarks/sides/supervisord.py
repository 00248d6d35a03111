"""supervisord with one file per program, and supervisorctl to make it read them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler.testing import eventually

from .side import Side, process, write

BIN: Final = Path(sys.executable).parent
PROGRAM: Final = """\
[program:{name}]
command={program} {log} {name} {value}
directory=/
redirect_stderr=true
stdout_logfile={folder}/{name}.log
"""
BASE: Final = """\
[unix_http_server]
file={folder}/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/supervisor.sock
[supervisord]
nodaemon=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
minfds={descriptors}
[include]
files=conf.d/*.conf
"""


class Supervisord(Side):
    """Stock supervisord."""

    name = "supervisorctl"

    def __init__(self, place: Path, program: Path, *, count: int) -> None:
        super().__init__(place, program)
        (place / "conf.d").mkdir()
        # Three descriptors each; a child closes all of them one by one, so no more than needed.
        text = BASE.format(folder=place, descriptors=max(1024, 4 * count))
        (place / "supervisord.conf").write_text(text)

    def edit(self, programs: Mapping[str, str]) -> None:
        for name, value in programs.items():
            text = PROGRAM.format(
                folder=self.place,
                program=self.program,
                log=self.ticks.path,
                name=name,
                value=value,
            )
            write(self._file(name), text)

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            self._file(name).unlink()

    def apply(self) -> None:
        """``update`` reads the files by itself."""
        self.control("update")

    def settle(self, count: int) -> None:
        eventually(lambda: self.control("status").count(" RUNNING ") == count, 120, every=0.2)

    def wait_forgotten(self, name: str, pid: int) -> None:
        assert not Path(f"/proc/{pid}").exists(), "forgotten, and still there"
        assert f"{name} " not in self.control("avail")

    def keepers(self) -> Sequence[int]:
        return [self.pid()]

    def listing(self) -> list[str]:
        return self.command("status")

    def pid(self) -> int:
        """Of supervisord."""
        return int((self.place / "supervisord.pid").read_text())

    def control(self, *words: str) -> str:
        """What ``supervisorctl`` prints."""
        done = subprocess.run(self.command(*words), check=False, capture_output=True, text=True)
        assert done.returncode == 0 or words == ("status",), done.stdout + done.stderr
        return done.stdout

    def command(self, *words: str) -> list[str]:
        """A command line of supervisorctl."""
        return [str(BIN / "supervisorctl"), "-c", f"{self.place}/supervisord.conf", *words]

    @contextmanager
    def running(self) -> Iterator[Supervisord]:
        configuration = f"{self.place}/supervisord.conf"
        # Its orderly end takes a second for each program; this one needs none.
        with process([BIN / "supervisord", "-c", configuration], end=signal.SIGKILL) as daemon:
            eventually((self.place / "supervisor.sock").exists, 20)
            eventually(lambda: self.control("version").strip(), 20)
            try:
                yield self
            finally:
                daemon.kill()
                self.end_programs()

    def _file(self, name: str) -> Path:
        return self.place / "conf.d" / f"{name}.conf"
