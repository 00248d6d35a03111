"""The notebook of examples/, in a folder of its own and on free ports."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from reconciler.testing import eventually

from .moved import move_ports
from .stack import ROOT, Stack

EXAMPLE = ROOT / "examples" / "notebook"
OURS = ("specs", "api.py", "worker.py", "frontend.js", ".gitignore")
PORTS = ("6379", "5055", "8502", "7860")
STARTS = "command: [redis-server, --port"
HELD = "shell: 'until [ -e ../go ]; do sleep 0.05; done; exec redis-server \"$@\"'\n  args: [--port"


@dataclass
class Notebook(Stack):
    """The stack; its database answers only while the file ``go`` is there at its start."""

    ports: dict[str, int] = field(kw_only=True)

    @property
    def go(self) -> Path:
        return self.root / "go"

    def status(self) -> dict[str, Any]:
        return self.look()

    def only(self, name: str) -> dict[str, Any]:
        """The only instance of a process."""
        return self.resource(f"Process/{name}-0")

    def is_ready(self, name: str) -> bool:
        """What the operator says about a process."""
        return bool(self.only(name)["vitals"].get("ready"))

    def ping(self) -> bool:
        """Whether the database answers a client of its own."""
        with suppress(RedisError), Redis(port=self.ports["6379"], retry=None) as database:
            return bool(database.ping())
        return False

    def keep(self, text: str) -> str:
        """A new note, kept through the public port; its number."""
        status, body = self.fetch("/api/notes", post={"text": text})
        assert status == 201, (status, body)
        return str(json.loads(body)["id"])

    def note(self, number: str) -> dict[str, str]:
        """A note, read through the public port."""
        status, body = self.fetch(f"/api/notes/{number}")
        assert status == 200, (status, body)
        found: dict[str, str] = json.loads(body)
        return found

    def works(self, text: str) -> str:
        """A note is kept, and its words are counted: all four of them do their part."""
        number = eventually(lambda: self.keep(text), 20)
        eventually(lambda: self.note(number).get("words") == str(len(text.split())), 20)
        return number


@dataclass
class Watch:
    """When things were first seen true, in seconds since the machine started."""

    seen: dict[str, float] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def over_these(self, **questions: Callable[[], object]) -> Iterator[Watch]:
        """Ask all the time, until each was answered with yes."""
        threads = [threading.Thread(target=self._ask, args=item) for item in questions.items()]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def _ask(self, name: str, question: Callable[[], object]) -> None:
        while not self.over.wait(0.01):
            with suppress(OSError, AssertionError):
                if question():
                    self.seen[name] = time.clock_gettime(time.CLOCK_BOOTTIME)
                    return


@contextmanager
def make_notebook(folder: Path) -> Iterator[Notebook]:
    """The example, not running yet, in an environment that has what it needs."""
    root = folder / "notebook"
    (root / "data").mkdir(parents=True)
    for name in OURS:
        source = EXAMPLE / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, root / name)
    (root / ".venv").symlink_to(sys.prefix)
    with (root / ".gitignore").open("a") as ignored:
        ignored.write("/.venv\n/up.log\n/go\n")
    ports = move_ports((root / "specs").iterdir(), PORTS)
    stack = Notebook(root, ports["7860"], folder / "home", ports=ports)
    try:
        yield stack
    finally:
        stack.end()
