"""Each commit is one rollout, and one that goes wrong is left, by hand or by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .plain import Plain, make_plain

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def running() -> Iterator[Plain]:
    with make_plain() as stack:
        stack.up()
        yield stack


@pytest.fixture
def stack(running: Plain) -> Plain:
    running.settle()
    return running


def head(stack: Plain) -> str:
    return stack.git("rev-parse", "HEAD").strip()


def history(stack: Plain, *words: str) -> Any:
    return json.loads(stack.command("history", *words, "-o", "json").stdout)


def test_a_commit_is_one_rollout(stack: Plain) -> None:
    """Who, what, result, how long, and the same after the operator was killed."""
    stack.wait(head(stack), "healthy")
    blue = stack.edit("COLOUR: green", "COLOUR: blue", "blue it is")
    stack.wait(blue, "healthy")
    newest = history(stack)["items"][0]
    assert (newest["revision"], newest["subject"], newest["author"]) == (
        blue,
        "blue it is",
        "Tester",
    )
    assert (newest["result"], newest["summary"]) == ("healthy", "1 updated")
    assert newest["seconds"] > 0
    told = history(stack, blue[:9])
    assert told["resources"][0]["ref"] == "Process/web-0"
    assert any("update Process/web-0" in one["summary"] for one in told["passes"])

    before = len(history(stack)["items"])
    stack.crash()
    stack.settle()
    again = history(stack)["items"]
    assert (len(again), again[0]) == (before, newest)


def test_going_back_by_hand(stack: Plain) -> None:
    """All planes go back together, data stays, and a new commit ends it."""
    green = head(stack)
    red = stack.edit("/green", "/red", "another mark")
    stack.wait(red, "healthy")
    assert stack.mark() == "/red"
    done = stack.command("rollback", green[:8], "--reason", "not red")
    assert done.returncode == 0, done
    stack.wait(green, "healthy")
    assert stack.mark() == "/green"
    planned = stack.command("diff")
    assert planned.returncode == 1, planned
    assert f"rolled back from {red[:7]} to {green[:7]}" in planned.stdout
    assert "not red" in stack.command("status").stdout
    stack.crash()
    stack.wait(green, "healthy")
    assert stack.mark() == "/green"

    assert stack.command("rollback", "--undo").returncode == 0
    stack.wait(red, "healthy")
    assert stack.mark() == "/red"
    stack.command("rollback", green)
    stack.wait(green, "healthy")
    pink = stack.edit("/red", "/pink", "a new commit")
    stack.wait(pink, "healthy")
    assert stack.mark() == "/pink"
    assert stack.look()["rolledBack"] is None
    nothing = stack.command("rollback", "--undo")
    assert nothing.returncode == 2
    assert "nothing to undo" in nothing.stderr
    assert "names no commit" in stack.command("rollback", "nonsense").stderr
