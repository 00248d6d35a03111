from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING

import pytest

from reconciler.testing import eventually

if TYPE_CHECKING:
    from .stack import Stack

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def test_a_clean_clone_converges_and_stops(clone: Stack) -> None:
    """One command serves the pages; a second one changes nothing; Ctrl-C leaves nothing behind."""
    clone.up()
    assert "It converged" in clone.fetch("/")[1]
    assert clone.fetch("/files/")[0] == 200
    assert clone.fetch("/docs") == (302, "/files/")
    before = clone.pids()

    again = clone.command("up")
    assert again.returncode == 0, again.stderr
    assert clone.command("diff").returncode == 0
    assert clone.command("apply", "--wait").returncode == 0
    assert clone.pids() == before

    assert clone.stop() in {0, 130}
    assert [process.cmdline() for process in clone.running()] == []


@pytest.fixture
def stack(clone: Stack) -> Stack:
    """The shipped stack, running and in sync."""
    clone.up()
    return clone


def test_a_commit_reaches_one_process_only(stack: Stack) -> None:
    """A saved edit is pending, a committed one is done, and every other pid stays."""
    before = stack.pids()
    spec = stack.root / "specs" / "00-hello.yaml"
    spec.write_text(
        spec.read_text().replace("  env:\n", '  env:\n    GREETING: "it\'s 100%; real"\n')
    )
    said = stack.command("diff", "--dry-run")
    assert said.returncode == 0, said.stdout + said.stderr
    assert "specs/00-hello.yaml" in said.stdout + said.stderr
    assert stack.pids() == before

    stack.commit("greet")
    eventually(lambda: stack.pids().get("hello-0") not in {None, before["hello-0"]}, 20)
    stack.settle()
    assert stack.command("diff").returncode == 0
    after = stack.pids()
    assert {name: pid for name, pid in after.items() if name != "hello-0"} == {
        name: pid for name, pid in before.items() if name != "hello-0"
    }
    assert "It converged" in stack.fetch("/")[1]


def test_a_broken_spec_freezes_itself_only(stack: Stack) -> None:
    """The error has a line and a caret, nothing is pruned, and the rest goes on converging."""
    before = stack.pids()
    hello = stack.root / "specs" / "00-hello.yaml"
    hello.write_text(hello.read_text().replace("command:", "comand:"))
    (stack.root / "specs" / "30-more.yaml").write_text(
        "apiVersion: reconciler.dev/v1\nkind: Route\nmetadata: {name: more}\n"
        "spec: {match: {pathEqual: /more}, redirect: {to: /there, code: 307}}\n"
    )
    stack.commit("a mistake and a route")
    eventually(lambda: stack.fetch("/more")[0] == 307, 20)
    said = stack.command("validate")
    assert said.returncode == 1
    assert "specs/00-hello.yaml:8:3" in said.stdout + said.stderr
    assert "^" in said.stdout + said.stderr
    assert stack.pids() == before


def test_data_comes_back_before_who_needs_it(stack: Stack) -> None:
    """What was in data/ is in the remote, and after a loss it is there before the server starts."""
    (stack.root / "data" / "note.txt").write_text("not to be lost")
    eventually(lambda: "data/note.txt" in stack.kept(), 30)
    stack.stop()
    shutil.rmtree(stack.root / "data")
    stack.up()
    assert stack.fetch("/files/note.txt") == (200, "not to be lost")


def test_a_busy_port_is_named(clone: Stack) -> None:
    """The command says who owns the port, and does not start."""
    with socket.create_server(("127.0.0.1", clone.port)):
        said = clone.command("up")
    assert said.returncode == 2
    assert str(clone.port) in said.stderr
    assert "pytest" in said.stderr or "python" in said.stderr
