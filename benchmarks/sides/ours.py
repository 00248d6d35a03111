"""A stack of ours that follows its specs by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from reconciler.cli.client import Operator
from reconciler.cli.outcome import Failure
from reconciler.testing import eventually

from .side import Side, process, write

BIN: Final = Path(sys.executable).parent
SPEC: Final = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata:
  name: {name}
spec:
  command: [{program}, {log}, {name}, "{value}"]
  workingDir: /
  restart: {{backoff: 0s}}
"""


class Ours(Side):
    """A stack; ``commit`` makes it follow a git repository, ``keeper`` says how it keeps."""

    name = "ours"
    spec = SPEC

    def __init__(
        self, place: Path, program: Path, *, commit: bool = False, keeper: str = ""
    ) -> None:
        super().__init__(place, program)
        self.specs = place / "tree" / "specs"
        self.state = place / "state"
        self.operator = Operator(self.state / "run" / "operator.sock", deadline=60)
        self._commit = commit
        self._environ = {"RECONCILER_KEEPER": keeper} if keeper else {}
        self.specs.mkdir(parents=True)
        if commit:
            self.git("init", "--quiet", "--initial-branch=main")

    def edit(self, programs: Mapping[str, str]) -> None:
        for name, value in programs.items():
            text = self.spec.format(
                program=self.program, log=self.ticks.path, name=name, value=value
            )
            write(self.specs / f"{name}.yaml", text)

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self.specs / f"{name}.yaml").unlink()

    def apply(self) -> None:
        """Nothing to do, or a commit: the operator looks for itself."""
        if self._commit:
            self.git("add", "--all")
            self.git("commit", "--quiet", "--message", "change")

    def idle(self) -> None:
        """``reconciler apply``, as a person types it."""
        subprocess.run(self.command("apply"), check=True, capture_output=True)

    def settle(self, count: int) -> None:
        """Wait until all is healthy and in sync."""
        super().settle(count)
        eventually(lambda: self._verdict()["ready"] and self._verdict()["inSync"], 120, every=0.1)

    def wait_forgotten(self, name: str, pid: int) -> None:
        """The start record is the last trace to go."""
        record = self.state / "state" / "processes" / f"{name}-0.json"
        eventually(lambda: not record.exists(), 60, every=0.001)
        super().wait_forgotten(name, pid)

    def keepers(self) -> Sequence[int]:
        return [self.pid(), self.supervisord()]

    def listing(self) -> list[str]:
        return self.command("status")

    def pid(self) -> int:
        """Of the operator."""
        return int(self.operator.status()["operator"]["pid"])

    def supervisord(self) -> int:
        """The pid of the stack's supervisord."""
        return int((self.state / "run" / "supervisord.pid").read_text())

    def git(self, *words: str) -> None:
        identity = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
        subprocess.run(["git", "-C", self.specs.parent, *identity, *words], check=True)

    def command(self, *words: str) -> list[str]:
        """A command line of ours about this stack."""
        where = ["--specs", str(self.specs), "--state-dir", str(self.state)]
        return [str(BIN / "reconciler"), *words, *where]

    @contextmanager
    def running(self) -> Iterator[Ours]:
        words = self.command("up", *([] if self._commit else ["--worktree"]))
        with process(words, environ=self._environ):
            try:
                eventually(self._answers, 60)
            except AssertionError as error:
                raise RuntimeError(self.log()) from error
            yield self

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """It runs, with so many programs that all do."""
        programs = {f"p{number:04d}": "0" for number in range(size)}
        self.edit(programs)
        self.apply()
        with self.running():
            self.ticks.wait(programs)
            self.settle(size)
            yield

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


class Stock(Ours):
    """The same over stock supervisord: nothing of ours is loaded into it."""

    name = "no keeper"

    def __init__(self, place: Path, program: Path) -> None:
        super().__init__(place, program, keeper="off")
