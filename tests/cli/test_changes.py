"""diff and apply: whom they ask, what they print, how they end."""

from __future__ import annotations

import io
import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.cli import waiting
from reconciler.cli.terminal import Terminal
from reconciler.testing import eventually

GOLDEN = Path(__file__).parents[1] / "golden"


def plan(case: str) -> Any:
    return json.loads((GOLDEN / case / "plan.json").read_text())


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Stands in for the operator's own code where no operator runs."""

    def say(**answers: Any) -> None:
        async def plan_once(_: object) -> Any:
            return answers["plan"]

        async def apply_once(_: object, **__: object) -> Any:
            return {"plan": answers["plan"], "after": answers["plan"], "failures": []}

        fake = SimpleNamespace(plan_once=plan_once, apply_once=apply_once)
        monkeypatch.setitem(sys.modules, "reconciler.app", fake)

    return say


@pytest.mark.parametrize(
    ("case", "ends"),
    [
        ("in-sync", (0, "✔ in sync")),
        ("mixed", (1, "6 changes · 1 restart")),
        ("broken", (1, "! 2 problems in the specs")),
        ("unknown", (2, "? unknown: Process cannot be seen")),
    ],
)
def test_diff_ends_with_its_verdict(
    case: str, ends: tuple[int, str], reconciler: Any, operator: Any
) -> None:
    """0 in sync, 1 differences, 2 unknown; the verdict is the first line."""
    operator.pages["GET plan"] = plan(case)
    said = reconciler("diff")
    assert said.code == ends[0]
    assert said.out.startswith(ends[1])
    assert [line for line in operator.asked if not line.startswith("GET")] == []


def test_pending_edits_are_no_difference(reconciler: Any, operator: Any) -> None:
    """What is not committed is a note: the code stays 0."""
    operator.pages["GET plan"] = {**plan("in-sync"), "pending": ["specs/web.yaml modified"]}
    code, out, _ = reconciler("diff")
    assert code == 0
    assert "specs/web.yaml modified" in out


def test_dry_run_adds_nothing_and_says_so(reconciler: Any, operator: Any) -> None:
    """``--dry-run`` is accepted: diff never changes anything."""
    said = reconciler("diff", "--dry-run")
    assert said.code == 0
    assert "always read-only" in said.err
    assert said.out == reconciler("diff").out


def test_diff_as_data(reconciler: Any, operator: Any) -> None:
    """``-o json`` is the operator's plan, with the same exit code and nothing else on stdout."""
    operator.pages["GET plan"] = plan("mixed")
    said = reconciler("diff", "-o", "json")
    assert said.code == 1
    assert json.loads(said.out) == plan("mixed")


def test_diff_without_an_operator_looks_itself(reconciler: Any, alone: Callable[..., None]) -> None:
    """No operator is no obstacle; it is said on stderr."""
    alone(plan=plan("mixed"))
    said = reconciler("diff")
    assert said.code == 1
    assert said.out.startswith("6 changes")
    assert "no operator is running" in said.err


def test_diff_of_the_work_tree_does_not_ask_the_operator(
    reconciler: Any, operator: Any, alone: Callable[..., None]
) -> None:
    """The operator follows commits; files as they are need a look of one's own."""
    alone(plan=plan("mixed"))
    assert reconciler("diff", "--worktree").code == 1
    assert operator.asked == []


@pytest.mark.parametrize("reason", ["", "MassDelete"])
def test_the_way_from_the_work_tree_is_a_commit(
    reconciler: Any, alone: Callable[..., None], reason: str
) -> None:
    """What is not committed can neither be applied nor confirmed; in sync, nothing is said."""
    page = plan("mixed")
    page["held"][0]["reason"] = reason or page["held"][0]["reason"]
    alone(plan=page)
    said = reconciler("diff", "--worktree")
    assert "commit it, and a running operator does it" in said.err
    assert "reconciler apply" not in said.err
    assert "reconciler apply" in reconciler("diff").err
    alone(plan=plan("in-sync"))
    assert "commit it" not in reconciler("diff", "--worktree").err


def test_a_refusal_of_the_operator_is_no_verdict(reconciler: Any, operator: Any) -> None:
    """An operator that cannot say is 2, never in sync."""
    operator.pages["GET plan"] = (503, {"detail": "the specs were not read yet"})
    code, out, err = reconciler("diff")
    assert (code, out) == (2, "")
    assert "the specs were not read yet" in err


def result(case: str, after: str = "in-sync", failures: Any = ()) -> dict[str, Any]:
    return {"plan": plan(case), "after": plan(after), "failures": list(failures)}


FAILURE = {"ref": "Process/x-0", "reason": "NoSuchFolder", "message": "/nowhere is not there"}


@pytest.mark.parametrize(
    ("page", "code"),
    [
        (result("in-sync"), 0),
        (result("mixed"), 0),
        (result("mixed", "mixed"), 0),
        (result("broken", "broken"), 1),
        (result("mixed", "unknown"), 2),
        (result("mixed", failures=[FAILURE]), 2),
    ],
)
def test_apply_ends_with_what_is_left(
    page: dict[str, Any], code: int, reconciler: Any, operator: Any
) -> None:
    """0 done (what waits for others will follow), 1 a person is needed, 2 something failed."""
    operator.pages["POST reconcile"] = page
    said = reconciler("apply")
    assert said.code == code
    assert ("NoSuchFolder" in said.out) is bool(page["failures"])
    assert operator.asked == ["POST /admin/api/v1/reconcile"]


def test_apply_says_when_a_person_is_needed(reconciler: Any, operator: Any) -> None:
    """A mass delete that waits for a confirmation is a difference left."""
    page = result("mixed", "mixed")
    page["after"]["held"][0]["reason"] = "MassDelete"
    operator.pages["POST reconcile"] = page
    assert reconciler("apply").code == 1


def test_many_deletions_are_confirmed_by_revision(reconciler: Any, operator: Any) -> None:
    """The confirmation names the revision that was read, and no other."""
    operator.pages["GET plan"] = page = plan("mixed")
    page["held"][0]["reason"] = "MassDelete"
    assert "apply --confirm 4f2c1d9" in reconciler("diff").err
    for wrong in ("4f2", "09afaaaa"):
        said = reconciler("apply", "--confirm", wrong)
        assert said.code == 2
        assert "confirm 4f2c1d9" in said.err
    assert reconciler("apply", "--confirm", "4f2c1d9").code == 0
    posted = [line for line in operator.asked if line.startswith("POST")]
    assert posted == ["POST /admin/api/v1/reconcile"]
    assert operator.bodies == [{"confirm": page["revision"]}]


def test_apply_without_an_operator_does_it_itself(
    reconciler: Any, alone: Callable[..., None]
) -> None:
    """Without an operator the changes are made all the same; waiting makes no sense then."""
    alone(plan=plan("in-sync"))
    assert reconciler("apply").code == 0
    said = reconciler("apply", "--wait")
    assert said.code == 2
    assert "nobody is there to wait for" in said.err


def verdicts(page: dict[str, Any], *ready: bool) -> Callable[[], Any]:
    """Status pages, one after the other; the last one stays."""
    told = itertools.chain(ready, itertools.repeat(ready[-1]))

    def status() -> Any:
        well = next(told)
        code = "Healthy" if well else "Progressing"
        one = {**page["resources"][0], "health": {"code": code, "reason": "", "message": ""}}
        verdict = {"ready": well, "inSync": True, "health": code, "message": ""}
        return {**page, "verdict": verdict, "resources": [one]}

    return status


def test_apply_waits_until_healthy(
    reconciler: Any, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--wait`` stays as long as something is on its way."""
    monkeypatch.setattr(waiting, "EVERY", 0.01)
    operator.pages["GET status"] = verdicts(operator.pages["GET status"], False, False, True)
    said = reconciler("apply", "--wait")
    assert said.code == 0
    assert "everything is healthy" in said.err
    assert operator.asked.count("GET /admin/api/v1/status") == 3


def test_on_a_terminal_the_waiting_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line says what is waited for, and is gone afterwards; elsewhere nothing is printed."""

    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    screen, file = Screen(), io.StringIO()
    with waiting.progress(Terminal(err=screen), moving=True) as show:
        show("Process/web-0")
        eventually(lambda: "waiting for Process/web-0" in screen.getvalue())
    for quiet, moving in ((file, True), (screen, False)):
        before = quiet.getvalue()
        with waiting.progress(Terminal(err=quiet), moving=moving) as show:
            show("Process/web-0")
        assert quiet.getvalue() == before


def test_apply_does_not_wait_for_ever(
    reconciler: Any, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3 when it is not healthy in time, with the name of what is not."""
    monkeypatch.setattr(waiting, "EVERY", 0.01)
    operator.pages["GET status"] = verdicts(operator.pages["GET status"], False)
    said = reconciler("apply", "--wait", "--timeout", "100ms")
    assert said.code == 3
    assert "not healthy after 0.1 s: Process/web-0" in said.err


def test_what_rests_is_not_waited_for(
    reconciler: Any, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that was switched off is not blamed for one that is sick."""
    monkeypatch.setattr(waiting, "EVERY", 0.01)
    page = operator.pages["GET status"]
    (web,) = page["resources"]
    off = {**web, "ref": "Process/off-0", "health": {**web["health"], "code": "Suspended"}}
    sick = {**web, "health": {**web["health"], "code": "Degraded"}}
    verdict = {**page["verdict"], "ready": False, "health": "Degraded"}
    operator.pages["GET status"] = {**page, "resources": [off, sick], "verdict": verdict}
    said = reconciler("apply", "--wait", "--timeout", "100ms")
    assert "not healthy after 0.1 s: Process/web-0" in said.err
    assert "off-0" not in said.err
