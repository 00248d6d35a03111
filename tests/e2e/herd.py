"""A stack of many small processes that write down each of their starts."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from reconciler.testing import eventually

from .stack import Stack

PROCESS = """\
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {{name: {name}}}
spec:
  shell: 'echo $$ >>"starts/$RECONCILER_PROCESS"; {does}'
"""
SLEEPS = "exec sleep 86400"
# It takes its time to stop, and its child is in a session of its own.
BREEDS = 'trap "sleep 0.3; exit 0" TERM; setsid sleep 86400 & while :; do read -t 60 <> <(:); done'


class Herd(Stack):
    """The stack; what its processes are is written by ``write``."""

    def status(self) -> dict[str, Any]:
        return self.look()

    def write(self, name: str, *more: str, does: str = SLEEPS) -> None:
        """Say what a process is; ``more`` are lines of its spec."""
        text = PROCESS.format(name=name, does=does) + "".join(f"  {line}\n" for line in more)
        (self.root / "specs" / f"{name}.yaml").write_text(text)

    def remove(self, name: str) -> None:
        (self.root / "specs" / f"{name}.yaml").unlink(missing_ok=True)

    def starts(self) -> Counter[str]:
        """How often each process was started since the stack began."""
        return Counter(
            {path.name: len(path.read_text().split()) for path in (self.root / "starts").iterdir()}
        )

    def ask(self, verb: str, name: str, **order: str) -> None:
        """What a person asks for, as the command line does."""
        self.operator.act("Process", name, verb, order)

    def find_operator(self) -> psutil.Process | None:
        """The operator's process, whether it answers already or not."""
        with suppress(OSError, ValueError, psutil.Error):
            supervisord = psutil.Process(int((self.state / "run" / "supervisord.pid").read_text()))
            for child in supervisord.children():
                if child.cmdline()[-3:] == ["-m", "reconciler", "run"]:
                    return child
        return None

    def kill_operator(self) -> None:
        """As the kernel does when memory is short, as soon as there is one."""
        operator = eventually(self.find_operator, 40)
        operator.kill()
        eventually(lambda: self.find_operator() != operator)


@contextmanager
def make_herd() -> Iterator[Herd]:
    """The stack in a folder of its own, without specs and not running yet."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="rc-e2e-"))
    root, home = folder / "herd", folder / "home"
    for made in (root / "specs", root / "starts", home):
        made.mkdir(parents=True)
    (root / ".gitignore").write_text("/.reconciler/\n/starts/\n/up.log\n/crashes\n/well\n/go\n")
    stack = Herd(root, 0, home)
    try:
        yield stack
    finally:
        stack.end()
        shutil.rmtree(folder, ignore_errors=True)
