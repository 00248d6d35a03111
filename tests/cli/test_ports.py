"""Who holds a port: a stranger is named, the stack itself is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli.ports import foreign
from reconciler.cli.reading import Opening
from reconciler.testing import eventually

LISTEN = "import socket, time; s = socket.create_server(('127.0.0.1', %d)); time.sleep(60)"


@pytest.fixture
def listener(free_port: int, stack_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that listens, started in the stack's folder without naming it."""
    folder = stack_dir / "state"
    program = subprocess.Popen([sys.executable, "-c", LISTEN % free_port], cwd=folder)
    yield program
    program.kill()
    program.wait()


def test_what_runs_in_the_stack_is_ours(
    listener: subprocess.Popen[bytes], free_port: int, stack_dir: Path
) -> None:
    """A gateway names no folder in its command line, and is still known by where it runs."""
    opening = Opening("127.0.0.1", free_port, "specs/g.yaml:1")
    stranger = eventually(lambda: foreign(opening, stack_dir / "elsewhere"))
    assert f"(pid {listener.pid})" in stranger
    assert foreign(opening, stack_dir) is None
