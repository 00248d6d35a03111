"""What is said about the whole."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

import pytest
from pydantic import ValidationError

from reconciler.core.diff import diff
from reconciler.core.model import HealthCode, Origin, Ref, Resource
from reconciler.kinds.stack import KIND, StackSpec
from reconciler.kinds.stack.driver import Notes, StackDriver

REF = Ref("Stack", "main")


def stack(**fields: object) -> Resource[StackSpec]:
    spec = StackSpec.model_validate(fields)
    return Resource(REF, spec, Origin(PurePath("specs/stack.yaml"), 1))


def test_nothing_goes_back_by_itself_unless_asked() -> None:
    """The usual is to stay, and to be told."""
    revert = StackSpec().auto_revert
    assert (revert.enabled, revert.deadline) == (False, 300)
    with pytest.raises(ValidationError, match="shorter than a second"):
        stack(autoRevert={"deadline": "10ms"})


async def test_what_is_in_force_is_what_is_written(tmp_path: Path) -> None:
    """Written, edited and forgotten, a driver that comes back sees the same."""
    driver = StackDriver(tmp_path / "stack", Notes(tmp_path / "note.json"))
    assert await driver.observe() == {}
    for want in (stack(autoRevert={"enabled": True}), stack(autoRevert={"deadline": "1m"})):
        before = (await driver.observe()).get("main")
        change = diff(REF, KIND.render(want), before.state if before else None)
        assert change is not None
        for action in KIND.steps(change):
            await driver.apply(action)
        seen = (await StackDriver(tmp_path / "stack", Notes(tmp_path / "note.json")).observe())[
            "main"
        ]
        assert seen.state == KIND.render(want)
        assert KIND.health(seen).code is HealthCode.HEALTHY
    (tmp_path / "stack" / "main.json").write_text("{")
    damaged = (await driver.observe())["main"].state
    assert diff(REF, KIND.render(want), damaged) is not None
    gone = diff(REF, None, damaged)
    assert gone is not None
    for action in KIND.steps(gone):
        await driver.apply(action)
        await driver.apply(action)
    assert await driver.observe() == {}


@pytest.mark.parametrize(
    ("note", "code", "said"),
    [
        (None, HealthCode.PROGRESSING, "not asked yet"),
        ({"ok": True, "url": "u", "current": "a" * 40}, HealthCode.HEALTHY, "u at aaaaaaaaaaaa"),
        ({"ok": False, "reason": "RefMissing", "message": "gone"}, HealthCode.DEGRADED, "gone"),
        ({"ok": True, "held": {"from": "a", "to": "b"}}, HealthCode.DEGRADED, "rewritten"),
        (
            {
                "ok": True,
                "refused": {
                    "commit": "b",
                    "problems": [{"path": "x.yaml", "line": 3, "column": 1, "message": "no"}],
                },
            },
            HealthCode.DEGRADED,
            "commit b: x.yaml:3:1 no",
        ),
    ],
)
async def test_it_is_as_well_as_its_source(
    tmp_path: Path, note: object, code: HealthCode, said: str
) -> None:
    """What keeps the newest commit from being current is told in its place."""
    driver = StackDriver(tmp_path / "stack", Notes(tmp_path / "note.json"))
    state = KIND.render(stack(source={"url": "https://example.com/x.git"}))
    for action in KIND.steps(diff(REF, state, None) or pytest.fail("nothing to do")):
        await driver.apply(action)
    if note is not None:
        (tmp_path / "note.json").write_text(json.dumps(note))
    found = KIND.health((await driver.observe())["main"])
    assert (found.code, said in found.message) == (code, True), found


@pytest.mark.parametrize(
    "source",
    [
        {"url": "ext::sh -c true"},
        {"url": "--upload-pack=x"},
        {"url": "https://me:secret@example.com/x"},
        {"url": "u", "branch": "-x"},
        {"url": "u", "branch": "main", "tag": "v1"},
        {"url": "u", "commit": "abc"},
        {"url": "u", "path": "../specs"},
        {"url": "u", "path": "/etc"},
        {"url": "u", "path": "a/.git"},
        {"url": "u", "interval": "10ms"},
        {"url": "u", "verify": {}},
        {"url": "u", "verify": {"allowedSigners": ["nobody"]}},
        {"url": "u", "verify": {"gpgKeys": ["nothing"]}},
    ],
)
def test_a_source_that_cannot_be_meant_is_refused(source: dict[str, object]) -> None:
    """Before git hears of it."""
    with pytest.raises(ValidationError):
        stack(source=source)


@pytest.mark.parametrize(
    "window",
    [
        {"duration": "1h"},
        {"allow": "0 2 * * *", "deny": "0 2 * * *", "duration": "1h"},
        {"allow": "soon", "duration": "1h"},
        {"deny": "0 2 * * *"},
        {"deny": "0 2 * * *", "duration": "1s"},
        {"deny": "0 2 * * *", "duration": "1h", "timezone": "Mars/Olympus"},
    ],
)
def test_a_window_that_cannot_be_meant_is_refused(window: dict[str, str]) -> None:
    """By the same rules as the schedules of processes."""
    with pytest.raises(ValidationError):
        stack(windows=[window])


@pytest.mark.parametrize(
    ("source", "revert", "said"),
    [
        (None, {"enabled": True}, "this Stack names none"),
        ({"url": "u", "tag": "v1"}, {"enabled": True}, "follows a branch"),
        ({"url": "u", "commit": "a" * 40}, {"enabled": True}, "follows a branch"),
        (
            {"url": "u", "verify": {"allowedSigners": ["me ssh-ed25519 AAAA"]}},
            {"enabled": True},
            "takes only signed ones",
        ),
        ({"url": "u"}, {}, "set autoRevert.enabled too"),
    ],
)
def test_a_revert_commit_that_cannot_be_made_is_refused(
    source: dict[str, object] | None, revert: dict[str, object], said: str
) -> None:
    """It says why, and what to leave out."""
    wanted = {"source": source, "autoRevert": {"commit": True, **revert}}
    with pytest.raises(ValidationError, match=said):
        stack(**wanted)
    assert stack(source={"url": "u"}, autoRevert={"enabled": True, "commit": True})


async def test_how_a_revert_commit_went_is_told(tmp_path: Path) -> None:
    """As a condition, where one is asked for; the Stack is no worse for it."""
    notes = Notes(tmp_path / "note.json", None, tmp_path / "revert.json")
    driver = StackDriver(tmp_path / "stack", notes)
    (tmp_path / "note.json").write_text('{"ok": true}')
    (tmp_path / "revert.json").write_text('{"ok": false, "reason": "Forbidden", "message": "no"}')
    for asked in (True, False):
        revert = {"enabled": True, "commit": asked}
        state = KIND.render(stack(source={"url": "u"}, autoRevert=revert))
        for action in KIND.steps(diff(REF, state, None) or pytest.fail("nothing to do")):
            await driver.apply(action)
        seen = (await driver.observe())["main"]
        told = [(one.type, one.holds, one.reason) for one in KIND.tells(seen)]
        assert told == ([("Reverted", False, "Forbidden")] if asked else [])
        assert KIND.health(seen).code is HealthCode.HEALTHY
