"""What `sync` shows while it goes on: bars on a terminal, plain lines to a pipe."""

from __future__ import annotations

import os
import pty
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from reconciler.testing import eventually

from .small import Small, make_small
from .stack import RECONCILER

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

BAR = "━"


@dataclass
class Screen:
    """What a command has written to its terminal."""

    process: subprocess.Popen[bytes]
    written: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        return self.written.decode(errors="replace")

    def read(self, descriptor: int) -> None:
        with suppress(OSError):  # the other end is closed
            while part := os.read(descriptor, 4096):
                self.written += part


@contextmanager
def on_terminal(stack: Small, *words: str) -> Iterator[Screen]:
    """A call of ``reconciler`` as a person makes it."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [RECONCILER, *words],
        cwd=stack.root,
        env={**stack.environ(), "TERM": "xterm-256color", "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    screen = Screen(process)
    reader = threading.Thread(target=screen.read, args=(ours,))
    reader.start()
    try:
        yield screen
    finally:
        process.kill()
        process.wait()
        reader.join()
        os.close(ours)


def test_a_bar_is_for_people(stack: Small) -> None:
    """While a push is held up a terminal shows a bar, a pipe lines; and then what came of it."""
    stack.hold.touch()
    with on_terminal(stack, "sync", "now", "data") as screen:
        eventually(lambda: BAR in screen.text and "SyncTarget/data" in screen.text, 30)
        assert "✔" not in screen.text
        piped = stack.command("sync", "now", "data", "--timeout", "3s")
        assert piped.returncode == 3
        assert piped.stderr.startswith("SyncTarget/data: ")
        assert BAR not in piped.stderr + piped.stdout
        assert "\x1b" not in piped.stderr + piped.stdout
        stack.hold.unlink()
        assert screen.process.wait(60) == 0
        eventually(lambda: "✔" in screen.text and "version" in screen.text)
    piped = stack.command("sync", "now", "data")
    assert piped.returncode == 0
    assert BAR not in piped.stderr + piped.stdout


@pytest.fixture
def stack() -> Iterator[Small]:
    """Whoever stops it in the middle of a held push would wait for that."""
    with make_small() as made:
        made.up()
        try:
            yield made
        finally:
            made.hold.unlink(missing_ok=True)
