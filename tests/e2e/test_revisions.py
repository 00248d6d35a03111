"""Each commit is one rollout, and one that goes wrong is left, by hand or by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.testing import eventually

from .plain import Plain, make_plain

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def running() -> Iterator[Plain]:
    with make_plain() as stack:
        stack.start()
        stack.settle(90)
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
    green, mark = head(stack), stack.mark()
    red = stack.edit(mark, "/red", "another mark")
    stack.wait(red, "healthy")
    assert stack.mark() == "/red"
    done = stack.command("rollback", green[:8], "--reason", "not red")
    assert done.returncode == 0, done
    stack.wait(green, "healthy")
    assert stack.mark() == mark
    planned = stack.command("diff")
    assert planned.returncode == 1, planned
    assert f"rolled back from {red[:7]} to {green[:7]}" in planned.stdout
    assert "not red" in stack.command("status").stdout
    stack.crash()
    stack.wait(green, "healthy")
    assert stack.mark() == mark

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


STACK = """\
apiVersion: reconciler.dev/v1
kind: Stack
metadata: {name: main}
spec:
  autoRevert: {enabled: true, deadline: 4s, minHealthyTime: 1s}
"""


@pytest.mark.soak
def test_what_never_becomes_ready_is_taken_back(stack: Plain) -> None:
    """Process and route go back together, it is not tried again, and a fix needs no hand."""
    (stack.root / "specs" / "stack.yaml").write_text(STACK)
    good = stack.commit("go back by yourself")
    stack.wait(good, "healthy")
    before = stack.mark()

    text = stack.web.read_text()
    stack.web.write_text(text.replace(before, "/bad").replace("path: /}", "path: /not-there}"))
    bad = stack.commit("never ready")
    stack.wait(bad, "progressing")
    eventually(lambda: stack.mark() == "/bad")
    stack.wait(good, "healthy")
    assert stack.mark() == before
    away = stack.look()["rolledBack"]
    assert (away["from"], away["to"], away["by"]) == (bad, good, "")
    assert away["culprit"] == "Process/web-0"
    assert "404" in away["reason"]
    told = [(one["revision"], one["result"]) for one in history(stack)["items"][:3]]
    assert told == [(good, "healthy"), (bad, "rolledBack"), (good, "healthy")]
    planned = stack.command("diff")
    assert planned.returncode == 1
    assert "Process/web-0" in planned.stdout
    assert "RolledBack" in stack.command("events").stdout

    stack.crash()  # it is remembered
    stack.settle_at(good)
    assert stack.mark() == before

    stack.web.write_text(text.replace(before, "/mended"))
    (stack.root / "specs" / "stack.yaml").unlink()
    mended = stack.commit("mended")
    stack.wait(mended, "healthy")
    assert stack.mark() == "/mended"


def test_revisions_are_compared_without_the_world(stack: Plain, tmp_path: Path) -> None:
    """Two commits, a branch, and a plan that is only good as long as nothing moved."""
    before, mark = head(stack), stack.mark()
    stack.git("checkout", "-q", "-b", "proposal")
    text = stack.web.read_text()
    stack.web.write_text(text.replace(mark, "/proposed"))
    stack.git("commit", "-q", "-am", "a proposal")
    stack.git("checkout", "-q", "main")
    said = stack.command("diff", before[:8], "proposal")
    assert said.returncode == 1, said
    assert "1 change · 0 restarts" in said.stdout
    assert "/proposed" in said.stdout
    table = stack.command("diff", "--ref", "proposal", "-o", "md")
    assert table.returncode == 1, table
    assert "| <code>Route/mark</code> | no restart |" in table.stdout
    assert stack.command("diff", before, before).returncode == 0
    assert stack.command("diff", "nonsense", before).returncode == 2

    plan = tmp_path / "plan.json"
    assert stack.command("diff", "--out", str(plan)).returncode == 0
    assert stack.command("apply", str(plan)).returncode == 0
    moved = stack.edit(mark, "/moved", "it moves")
    stack.wait(moved, "healthy")
    refused = stack.command("apply", str(plan))
    assert refused.returncode == 2
    assert f"the specs were at {before[:7]} and are at {moved[:7]}" in refused.stdout
