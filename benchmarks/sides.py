"""The two sides: a stack of ours, and a supervisord with supervisorctl. Each in its own folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from reconciler.cli.client import Operator
from reconciler.cli.outcome import Failure
from reconciler.testing import eventually

from .tick import Ticks, build

BIN: Final = Path(sys.executable).parent
SPEC: Final = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata:
  name: {name}
spec:
  command: [{program}, {log}, {name}, "{value}"]
  workingDir: /
"""
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


class Side(Protocol):
    """What both can do. ``edit`` writes files only; ``apply`` is what a person does then."""

    ticks: Ticks

    def edit(self, programs: Mapping[str, str]) -> None: ...
    def remove(self, names: Iterable[str]) -> None: ...
    def apply(self) -> None: ...
    def wait_forgotten(self, names: Iterable[str]) -> int: ...


@contextmanager
def folder(prefix: str = "rb-") -> Iterator[Path]:
    """A short folder of this run's own."""
    path = Path(tempfile.mkdtemp(dir="/tmp", prefix=prefix))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def write(path: Path, text: str) -> None:
    """As editors do: nobody ever reads half a file."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(text)
    temporary.replace(path)


class Ours:
    """A stack that follows its specs by itself; ``commit`` makes it follow a git repository."""

    def __init__(self, place: Path, program: Path, *, commit: bool = False) -> None:
        self.specs = place / "tree" / "specs"
        self.state = place / "state"
        self.ticks = Ticks(place / "ticks")
        self.operator = Operator(self.state / "run" / "operator.sock")
        self._program = program
        self._commit = commit
        self.specs.mkdir(parents=True)
        if commit:
            self.git("init", "--quiet", "--initial-branch=main")

    def edit(self, programs: Mapping[str, str]) -> None:
        for name, value in programs.items():
            text = SPEC.format(program=self._program, log=self.ticks.path, name=name, value=value)
            write(self.specs / f"{name}.yaml", text)

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self.specs / f"{name}.yaml").unlink()

    def apply(self) -> None:
        """Nothing to do, or a commit: the operator looks for itself."""
        if self._commit:
            self.git("add", "--all")
            self.git("commit", "--quiet", "--message", "change")

    def wait_forgotten(self, names: Iterable[str]) -> int:
        """When its last trace was gone: the start record is the last thing to go."""
        paths = [self.state / "state" / "processes" / f"{name}-0.json" for name in names]
        eventually(lambda: not any(path.exists() for path in paths), 60, every=0.001)
        return time.monotonic_ns()

    def wait_settled(self) -> None:
        """Wait until all is healthy and in sync."""
        eventually(lambda: self._verdict()["ready"] and self._verdict()["inSync"], 120, every=0.1)

    def pids(self) -> dict[str, int]:
        """Of every live process of the stack, the operator's own among them."""
        status = self.operator.status()["resources"]
        return {one["name"]: one["vitals"]["pid"] for one in status if one["vitals"].get("pid")}

    def git(self, *words: str) -> None:
        identity = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
        subprocess.run(["git", "-C", self.specs.parent, *identity, *words], check=True)

    def command(self, *words: str) -> list[str]:
        """A command line of ours about this stack."""
        where = ["--specs", str(self.specs), "--state-dir", str(self.state)]
        return [str(BIN / "reconciler"), *words, *where]

    @contextmanager
    def running(self) -> Iterator[Ours]:
        """Converging, for as long as the block lasts."""
        words = self.command("up", *([] if self._commit else ["--worktree"]))
        with _process(words):
            try:
                eventually(self._answers, 60)
            except AssertionError as error:
                raise RuntimeError(self.log()) from error
            yield self

    def log(self) -> str:
        """What the operator had to say."""
        path = self.state / "log" / "reconciler.log"
        return path.read_text()[-4000:] if path.exists() else "the operator has no log"

    def _verdict(self) -> Any:
        return self.operator.status()["verdict"]

    def _answers(self) -> bool:
        try:
            return bool(self.operator.status()["revision"])
        except Failure:
            return False


class Peer:
    """supervisord with one file per program, and supervisorctl to make it read them."""

    def __init__(self, place: Path, program: Path, *, count: int) -> None:
        self.ticks = Ticks(place / "ticks")
        self._place = place
        self._program = program
        (place / "conf.d").mkdir()
        # Three descriptors each; a child closes all of them one by one, so no more than needed.
        text = BASE.format(folder=place, descriptors=max(1024, 4 * count))
        (place / "supervisord.conf").write_text(text)

    def edit(self, programs: Mapping[str, str]) -> None:
        for name, value in programs.items():
            text = PROGRAM.format(
                folder=self._place,
                program=self._program,
                log=self.ticks.path,
                name=name,
                value=value,
            )
            write(self._place / "conf.d" / f"{name}.conf", text)

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self._place / "conf.d" / f"{name}.conf").unlink()

    def apply(self) -> None:
        self.control("reread")
        self.control("update")

    def control(self, *words: str) -> str:
        """What ``supervisorctl`` prints."""
        done = subprocess.run(self.command(*words), check=True, capture_output=True, text=True)
        return done.stdout

    def command(self, *words: str) -> list[str]:
        return [str(BIN / "supervisorctl"), "-c", f"{self._place}/supervisord.conf", *words]

    def wait_forgotten(self, names: Iterable[str]) -> int:
        """``update`` returns when they are."""
        when = time.monotonic_ns()
        status = self.control("avail")
        assert not any(f"{name} " in status for name in names)
        return when

    def pid(self) -> int:
        return int((self._place / "supervisord.pid").read_text())

    @contextmanager
    def running(self) -> Iterator[Peer]:
        configuration = f"{self._place}/supervisord.conf"
        with _process([str(BIN / "supervisord"), "-c", configuration]):
            eventually((self._place / "supervisor.sock").exists, 20)
            eventually(lambda: self.control("version").strip(), 20)
            yield self


@contextmanager
def _process(words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is told to end, and waited for."""
    quiet = subprocess.DEVNULL
    environment = {key: value for key, value in os.environ.items() if "RECONCILER" not in key}
    with subprocess.Popen(words, stdin=quiet, stdout=quiet, stderr=quiet, env=environment) as one:
        try:
            yield one
        finally:
            one.send_signal(signal.SIGTERM)
            one.wait(120)


@contextmanager
def both(count: int) -> Iterator[tuple[Ours, Peer]]:
    """One of each, running nothing yet."""
    with folder() as mine, folder() as theirs:
        program = build(mine)
        ours, peer = Ours(mine, program), Peer(theirs, program, count=count)
        with ours.running(), peer.running():
            yield ours, peer
