"""What goes back by itself is undone on the branch too, where that is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from reconciler.testing import eventually
from reconciler.testing.git_server import git

from .elsewhere import PASSWORD, Elsewhere, make_elsewhere

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

CANARY = "canary-of-the-path-31"


@pytest.fixture(scope="module")
def running() -> Iterator[Elsewhere]:
    with make_elsewhere() as stack:
        beside = stack.root / "specs" / "stack.yaml"
        asked = "{enabled: true, commit: true, deadline: 4s, minHealthyTime: 500ms}"
        usual = "{enabled: true, deadline: 10s, minHealthyTime: 1s}"
        assert usual in beside.read_text()
        beside.write_text(beside.read_text().replace(usual, asked))
        stack.git("commit", "-qam", "undo it on the branch")
        stack.env["MY_TOKEN"] = CANARY
        stack.start()
        stack.wait(stack.tip(), "healthy", 90)
        yield stack


@pytest.fixture
def stack(running: Elsewhere) -> Iterator[Elsewhere]:
    """Whatever a test did, afterwards the newest commit is current and well."""
    yield running
    running.server.desk.refuses = ""
    git(running.work, "fetch", "-q", str(running.bare), "main")
    git(running.work, "reset", "-q", "--hard", "FETCH_HEAD")
    running.wait(running.tip(), "healthy", 30)


def on_branch(stack: Elsewhere, what: str = "%H") -> str:
    """What the branch's newest commit is."""
    return git(stack.bare, "log", "-1", f"--format={what}", "main").decode().strip()


def names(stack: Elsewhere, commit: str) -> set[str]:
    """The files of a commit."""
    return {*git(stack.bare, "ls-tree", "-r", "--name-only", commit).decode().split()}


def spoil(stack: Elsewhere) -> str:
    """A commit after which the process is never ready, and which changes a file of data too."""
    text = stack.web.read_text()
    before = stack.mark()
    text = text.replace(before, "/bad").replace("path: /}", f"path: /{CANARY}}}")
    stack.web.write_text(text.replace("COLOUR: green}", 'COLOUR: green, MY_TOKEN: "${MY_TOKEN}"}'))
    for name in (f"more-{stack.tip()}.yaml", "rows.csv"):
        (stack.work / "specs" / name).write_text("# nothing yet\n")
    return stack.commit("never ready")


def reverted(stack: Elsewhere, reason: str) -> str:
    """Wait until the stack says that of its commit; the message."""

    def said() -> str:
        (one,) = (one for one in stack.look()["resources"] if one["kind"] == "Stack")
        found = {told["type"]: told for told in one["conditions"]}.get("Reverted")
        assert found, one["conditions"]
        assert found["reason"] == reason, found
        return str(found["message"])

    return eventually(said, 40)


def test_what_went_back_is_undone_on_the_branch(stack: Elsewhere) -> None:
    """A refused push is told and tried again, by a new operator too; then once, and no more."""
    good, before = stack.tip(), stack.mark()
    well = stack.web.read_text()
    stack.server.desk.refuses = "git-receive-pack"
    bad = spoil(stack)
    message = reverted(stack, "Forbidden")
    assert "is not on main" in message
    assert "is not on main" in " ".join(stack.command("status").stdout.split())
    assert PASSWORD not in message
    assert on_branch(stack) == bad
    stack.settle_at(good)
    pids = stack.pids()
    stack.crash()  # it has made the commit, and not pushed it
    stack.server.desk.refuses = ""
    reverted(stack, "Reverted")
    made = on_branch(stack)
    stack.wait(made, "healthy")

    assert on_branch(stack, "%P %an") == f"{bad} reconciler"
    said = on_branch(stack, "%B")
    assert said.startswith(f"Revert the specs to {good[:12]}\n\n{bad[:12]} did not")
    assert "Process/web-0" in said
    assert f"Reconciler-Reverts: {bad}\nReconciler-Restores: {good}" in said
    assert CANARY not in said
    assert git(stack.bare, "show", "main:specs/web.yaml").decode() == well
    assert names(stack, made) == names(stack, good) | {"specs/rows.csv"}
    assert names(stack, bad) - names(stack, made) == {f"specs/more-{good}.yaml"}

    assert stack.mark() == before
    assert stack.look()["rolledBack"] is None
    newest = json.loads(stack.command("history", "-o", "json").stdout)["items"][0]
    assert (newest["revision"], newest["cause"]) == (made, "revert")
    assert newest["summary"] == "no resource"
    assert stack.pids() == pids
    stack.command("reconcile")
    stack.crash()
    stack.wait(made, "healthy")
    assert on_branch(stack) == made
    assert git(stack.bare, "rev-list", f"{bad}..main").decode().split() == [made]


@pytest.mark.soak
def test_a_branch_that_has_moved_is_left_alone(stack: Elsewhere) -> None:
    """Also where the operator cannot know it: the push itself is refused, and nothing is forced."""
    stack.server.desk.refuses = "git-receive-pack"
    spoil(stack)
    reverted(stack, "Forbidden")
    stack.server.desk.refuses = "git-"  # neither may it look, nor be the first to push
    stack.web.write_text(stack.web.read_text().replace(f"path: /{CANARY}}}", "path: /}"))
    mended = stack.commit("mended by hand")
    stack.server.desk.refuses = "git-upload-pack"
    message = reverted(stack, "BranchMoved")
    assert "nothing was pushed" in message
    assert "BranchMoved" in stack.command("events").stdout
    assert on_branch(stack) == mended
    stack.server.desk.refuses = ""
    stack.wait(mended, "healthy")
    assert on_branch(stack) == mended
    assert stack.mark() == "/bad"
