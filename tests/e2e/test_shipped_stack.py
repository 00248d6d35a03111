from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING

import pytest

from reconciler.testing import eventually

if TYPE_CHECKING:
    from .stack import Stack

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def test_a_clean_clone_converges(clone: Stack) -> None:
    """One command serves the pages, a second one changes nothing, and a lost folder comes back."""
    clone.up()
    assert "It converged" in clone.fetch("/")[1]
    assert clone.fetch("/files/")[0] == 200
    assert clone.fetch("/docs") == (302, "/files/")
    eventually(lambda: f"open http://127.0.0.1:{clone.port}" in clone.log.read_text(), 30)
    before = clone.pids()

    again = clone.command("up")
    assert again.returncode == 0, again.stderr
    assert "already running" in again.stderr
    assert clone.command("diff").returncode == 0
    assert clone.command("apply", "--wait").returncode == 0
    assert clone.pids() == before
    (clone.root / "data" / "note.txt").write_text("not to be lost")
    eventually(lambda: "data/note.txt" in clone.kept(), 30)
    assert clone.stop() == 0
    assert [process.cmdline() for process in clone.running()] == []

    shutil.rmtree(clone.root / "data")
    detached = clone.command("up", "--detach")
    assert detached.returncode == 0, detached
    assert "Healthy · ✔ in sync" in detached.stdout
    assert clone.fetch("/files/note.txt") == (200, "not to be lost")
    (parent,) = [one for one in clone.running() if one.cmdline()[-2:] == ["up", "--detach"]]
    parent.terminate()
    eventually(lambda: clone.running() == [], 20)


def test_a_busy_port_is_named(clone: Stack) -> None:
    """The command says who owns the port, and does not start."""
    with socket.create_server(("127.0.0.1", clone.port)):
        said = clone.command("up")
    assert said.returncode == 2
    assert str(clone.port) in said.stderr
    assert "pytest" in said.stderr or "python" in said.stderr
