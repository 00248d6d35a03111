"""doctor: what it looks at, what it says, how it ends."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import checks
from reconciler.cli.checks import Finding, Grade
from reconciler.cli.doctor import CHECKS, examine, finding_lines
from reconciler.cli.ports import foreign, holders, is_free
from reconciler.cli.reading import Opening
from reconciler.core.errors import Transient
from reconciler.core.lines import plain
from reconciler.settings import Settings
from reconciler.stack.place import Place, note_holder, open_lock


def grades(findings: Iterator[Finding]) -> list[Grade]:
    return [finding.grade for finding in findings]


def test_every_failure_names_a_fix(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that has nothing, each error comes with one command."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(checks, "SUPERVISOR", (99, 0))
    found = [one for check in CHECKS for one in examine(check, settings)]
    errors = [one for one in found if one.grade is Grade.ERROR]
    assert {one.group for one in errors} >= {"supervisor", "gateway", "git", "specs"}
    assert all(one.fix for one in errors)


def test_a_look_that_fails_hides_no_other(settings: Settings) -> None:
    """A check that breaks is one finding."""

    def broken(_: Settings) -> Iterator[Finding]:
        yield Finding("x", Grade.OK, "fine")
        raise RuntimeError("secret text")

    found = list(examine(broken, settings))
    assert [one.grade for one in found] == [Grade.OK, Grade.ERROR]
    assert "secret text" not in found[1].text


def test_what_we_know_of_a_failed_look_is_told(settings: Settings) -> None:
    """Our own errors hold no secret and say how to mend things."""

    def broken(_: Settings) -> Iterator[Finding]:
        yield from ()
        raise Transient("git refuses the folder", reason="SpecsUnreadable")

    assert [one.text for one in examine(broken, settings)] == ["git refuses the folder"]


def test_this_machine_has_what_it_takes(settings: Settings) -> None:
    """Python, supervisor, nginx with Lua and git are found where the tests run."""
    for check in (checks.python, checks.supervisor, checks.gateway, checks.git):
        assert set(grades(check(settings))) == {Grade.OK}


def test_a_state_directory_open_to_others_is_a_warning(stack_dir: Path) -> None:
    """Secrets lie there: it should be private."""
    settings = Settings(specs=stack_dir / "specs", state_dir=stack_dir)
    stack_dir.chmod(0o700)
    assert Grade.WARNING not in grades(checks.state(settings))
    stack_dir.chmod(0o755)
    assert Grade.WARNING in grades(checks.state(settings))


def test_a_state_directory_too_deep_is_an_error(stack_dir: Path) -> None:
    """A socket path over the system's limit is said before anything starts."""
    settings = Settings(specs=stack_dir / "specs", state_dir=stack_dir / ("x" * 100))
    assert Grade.ERROR in grades(checks.state(settings))


def test_an_operator_that_answers_is_fine(settings: Settings, operator: Any) -> None:
    """Healthy is ok, degraded a warning, silence a note."""
    assert grades(checks.operator(settings)) == [Grade.OK]
    page = operator.pages["GET status"]
    operator.pages["GET status"] = {**page, "verdict": {**page["verdict"], "health": "Degraded"}}
    assert grades(checks.operator(settings)) == [Grade.WARNING]
    operator.pages["GET status"] = (500, {"detail": "defect"})
    assert grades(checks.operator(settings)) == [Grade.ERROR]


def test_no_operator_is_a_note(settings: Settings) -> None:
    """A stack that is not running is no error."""
    assert grades(checks.operator(settings)) == [Grade.NOTE]


def test_a_stack_without_its_operator_is_an_error(settings: Settings) -> None:
    """When all the rest runs, the last words of the operator are told; its end makes it a note."""
    place = Place(settings.state_dir, settings.specs)
    settings.log_dir.mkdir(exist_ok=True)
    words = [f"line {number}" for number in range(9)]
    (settings.log_dir / "reconciler.log").write_text("\n".join([*words, "it broke \x1b[2J"]) + "\n")
    lock = open_lock(place)
    assert lock is not None
    note_holder(lock)
    (found,) = checks.operator(settings)
    os.close(lock)
    assert found.grade is Grade.ERROR
    assert found.text == f"the stack runs (pid {os.getpid()}), but its operator does not answer"
    assert found.fix == "reconciler logs reconciler"
    assert found.detail == (*words[-4:], "it broke \x1b[2J")
    rows = [plain(row) for row in finding_lines([found])]
    assert rows[1] == "              line 5"
    assert rows[5].startswith("              it broke ")
    assert "\x1b" not in rows[5]
    assert rows[6] == "              fix: reconciler logs reconciler"
    assert grades(checks.operator(settings)) == [Grade.NOTE]


def test_findings_read_by_group() -> None:
    """The group is named once, fixes stand below, the count is last."""
    rows = finding_lines(
        [
            Finding("git", Grade.OK, "git 2"),
            Finding("state", Grade.WARNING, "open", "chmod 0700 x"),
            Finding("state", Grade.ERROR, "full"),
        ]
    )
    assert [plain(row) for row in rows] == [
        "git         ✔ git 2",
        "state       ! open",
        "              fix: chmod 0700 x",
        "            ✘ full",
        "1 error, 1 warning, 1 ok",
    ]


def test_doctor_as_data(reconciler: Any) -> None:
    """``-o json`` gives the findings; the exit code tells whether something is missing."""
    code, out, _ = reconciler("doctor", "-o", "json")
    items = json.loads(out)["items"]
    assert code == any(item["grade"] == "error" for item in items)
    assert {"group", "grade", "text", "fix", "detail"} == set(items[0])


def test_who_holds_a_port_is_named(stack_dir: Path, free_port: int) -> None:
    """A port of another program is refused by name; one of this stack is not."""
    opening = Opening("127.0.0.1", free_port, "Gateway/gateway (specs/a.yaml:1)")
    assert is_free(opening)
    assert foreign(opening, stack_dir) is None
    with socket.create_server(("127.0.0.1", free_port)):
        (holder,) = holders(free_port)
        assert holder.pid == os.getpid()
        assert foreign(opening, stack_dir) == str(holder)
        assert foreign(opening, Path(holder.command.split()[0])) is None
