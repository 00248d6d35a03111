"""A commit is what changes the stack; nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.testing import eventually

from .small import Small, make_small

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

MORE = """\
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: more}
spec: {match: {pathEqual: /more}, redirect: {to: /there, code: 307}}
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Small]:
    with make_small() as stack:
        stack.up()
        yield stack


@pytest.fixture
def stack(running: Small) -> Iterator[Small]:
    """The stack, and its specs as they were afterwards."""
    specs = {path: path.read_text() for path in (running.root / "specs").iterdir()}
    running.whole()
    yield running
    for path, text in specs.items():
        path.write_text(text)
    if running.git("status", "--porcelain", "specs"):
        running.commit("as it was")


def test_an_edit_is_pending_until_it_is_committed(stack: Small) -> None:
    """Saved, it is only named; committed, it is planned with old and new value, done, and done."""
    before = stack.pids()
    spec = stack.root / "specs" / "brood.yaml"
    spec.write_text(spec.read_text() + "  env: {COLOUR: green}\n")
    saved = stack.command("diff", "--dry-run")
    assert saved.returncode == 0, saved
    assert "specs/brood.yaml modified" in saved.stdout
    tried = stack.command("diff", "--worktree")
    assert tried.returncode == 1, tried
    assert stack.pids() == before

    stack.commit("the brood is green")
    # The brood takes a second to stop: time enough to see what is about to be done.
    planned = stack.command("diff", "--dry-run")
    assert planned.returncode == 1, planned
    for said in (planned.stdout, tried.stdout):
        assert "1 change · 1 restart · 0 deletions" in said
        assert "Process/brood-0  restarts (env.COLOUR changed)" in said
        assert "specs/brood.yaml:1" in said
        assert 'none → "green"' in said
    stack.whole()
    assert stack.command("diff").returncode == 0
    after = stack.pids()
    assert after["brood-0"] != before["brood-0"]
    assert {**after, "brood-0": 0} == {**before, "brood-0": 0}


def test_a_changed_route_restarts_nothing(stack: Small) -> None:
    """No process, not even nginx, has another pid."""
    pids, gateway = stack.pids(), stack.system("gateway").pid
    spec = stack.root / "specs" / "web.yaml"
    spec.write_text(spec.read_text().replace("pathEqual: /old", "pathEqual: /older") + MORE)
    stack.commit("another route")
    eventually(lambda: stack.fetch("/more") == (307, "/there"), 20)
    assert stack.fetch("/older") == (301, "/")
    assert stack.fetch("/old")[0] == 404
    stack.whole()
    assert (stack.pids(), stack.system("gateway").pid) == (pids, gateway)


def test_a_broken_spec_freezes_itself_only(stack: Small) -> None:
    """It is named with line and caret, the rest converges, and nothing is pruned meanwhile."""
    before = stack.pids()
    brood, web = stack.root / "specs" / "brood.yaml", stack.root / "specs" / "web.yaml"
    well = brood.read_text()
    brood.write_text(well.replace("shell:", "shel:"))
    route = web.read_text().index("---\napiVersion: reconciler.dev/v1\nkind: Route")
    web.write_text(web.read_text()[:route] + MORE)
    stack.commit("a mistake, a route, and one route less")
    eventually(lambda: stack.fetch("/more") == (307, "/there"), 20)

    said = stack.command("validate")
    assert said.returncode == 1
    for text in ("specs/brood.yaml:6:3", "shel: >-", "    |   ^", "did you mean", "shell"):
        assert text in said.stdout + said.stderr, said
    planned = stack.command("diff")
    assert planned.returncode == 1, planned
    assert "specs/brood.yaml:6:3" in planned.stdout + planned.stderr
    assert stack.fetch("/old") == (301, "/")
    assert stack.pids() == before

    brood.write_text(well)
    stack.commit("mended")
    eventually(lambda: stack.fetch("/old")[0] == 404, 20)
    stack.whole()
    assert stack.pids() == before


def test_a_file_beside_the_specs_counts_at_once(stack: Small) -> None:
    """An edit of an ``envFile`` restarts who reads it, long before anybody would look."""
    beside = stack.root / "brood.env"
    beside.write_text("COLOUR=green\n")
    spec = stack.root / "specs" / "brood.yaml"
    spec.write_text(spec.read_text() + "  envFile: [brood.env]\n")
    stack.commit("the brood has a file")
    stack.settle()
    before = stack.pids()
    beside.write_text("COLOUR=red\n")
    eventually(lambda: stack.pids() != before, 10)
    stack.settle()
    assert b"COLOUR=red" in (Path(f"/proc/{stack.pids()['brood-0']}/environ")).read_bytes()


def test_a_failing_test_holds_the_routes_only(stack: Small) -> None:
    """Its revision changes processes, and no route, until the test holds; then all of it."""
    before = stack.pids()
    brood, web = stack.root / "specs" / "brood.yaml", stack.root / "specs" / "web.yaml"
    brood.write_text(brood.read_text() + "  env: {COLOUR: blue}\n")
    failing = MORE.replace("code: 307}", "code: 307}, tests: [{get: /more, expect: {route: old}}]")
    web.write_text(web.read_text() + failing)
    stack.commit("a route that does not do what it says, and a process")

    eventually(lambda: stack.pids()["brood-0"] not in {0, before["brood-0"]}, 30)
    planned = stack.command("diff")
    assert planned.returncode == 1, planned
    assert "RouteTestsFailed" in planned.stdout
    assert "this test fails: GET /more goes to Route/more" in planned.stdout
    assert "RouteTestsFailed" in stack.command("status").stdout
    assert stack.fetch("/more")[0] == 404

    web.write_text(web.read_text().replace("route: old", "redirect: /there"))
    stack.commit("the test is right now")
    eventually(lambda: stack.fetch("/more") == (307, "/there"), 20)
    stack.whole()
