"""Who is told of events: what may be written, and what is shown of it."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.model import Observed, Origin, Ref, Resource
from reconciler.core.sealed import Sealed
from reconciler.kinds.stack import KIND, StackSpec
from reconciler.kinds.stack.driver import Notes, StackDriver

SECRET = Sealed.of("https://hooks.example.com/T0/B0/token", b"k")


def spec(*notifications: dict[str, Any]) -> StackSpec:
    return StackSpec.model_validate({"notifications": notifications})


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ({"url": "https://hooks.slack.com/x", "format": "slack"}, "holds a token"),
        ({"url": "https://example.com/?key=1"}, "may be a secret"),
        ({"url": "https://ann:pw@example.com/"}, "may be a secret"),
        ({"url": "ftp://example.com"}, "not a url"),
        ({"url": "https://"}, "not a url"),
        ({"url": "https://example.com:port/"}, "not a url"),
        ({"url": Sealed.of("no url at all", b"k")}, "not a url"),
        ({"url": SECRET, "format": "wecom", "secret": SECRET}, "takes no signature"),
        ({"url": SECRET, "when": []}, "at least 1"),
        ({"url": SECRET, "when": ["warning"]}, "Warning, Normal or a reason"),
        ({"url": SECRET, "oncePer": "day"}, "'revision' or 'event'"),
        ({"url": SECRET, "name": "Ops"}, "pattern"),
    ],
)
def test_what_cannot_work_is_refused(written: dict[str, Any], why: str) -> None:
    """Where it is written, and without the secret."""
    with pytest.raises(ValidationError, match=why) as caught:
        spec({"name": "ops", **written})
    assert "token" not in str(caught.value).replace("holds a token", "")


def test_names_tell_them_apart() -> None:
    """Conditions and metrics speak of them by name."""
    with pytest.raises(ValidationError, match="same name"):
        spec({"name": "ops", "url": SECRET}, {"name": "ops", "url": SECRET})


def test_the_usual_is_warnings_once_a_revision() -> None:
    """Little is written for what most want."""
    (one,) = spec({"name": "ops", "url": "https://example.com/hook"}).notifications
    assert (one.format, one.when, one.once_per) == ("json", ("Warning",), "revision")


async def test_another_url_is_a_change_that_shows_nothing(tmp_path: Path) -> None:
    """On the disk and in a diff is a digest."""
    origin = Origin(PurePath("specs/stack.yaml"), 1)
    one = spec({"name": "ops", "url": SECRET, "format": "slack"})
    other = spec({"name": "ops", "url": Sealed.of("https://b.c/d", b"k"), "format": "slack"})
    states = [KIND.render(Resource(Ref("Stack", "main"), each, origin)) for each in (one, other)]
    assert states[0] != states[1]
    assert "hooks.example.com" not in states[0].model_dump_json()


@pytest.mark.parametrize(
    ("noted", "holds", "said"),
    [
        ({}, True, "was told"),
        ({"ops": {"error": ""}}, True, "was told"),
        ({"ops": {"error": "h answers 404"}, "b": {"error": ""}}, False, "ops: h answers 404"),
    ],
)
def test_a_condition_says_whether_they_are_told(
    noted: dict[str, Any], holds: bool, said: str
) -> None:
    """It makes nothing unhealthy: no revision is taken back for a chat that is down."""
    want = spec({"name": "ops", "url": SECRET})
    state = KIND.render(Resource(Ref("Stack", "main"), want, Origin(PurePath("s.yaml"), 1)))
    seen = Observed(state, owned=True, vitals={"notifications": noted})
    (told,) = KIND.tells(seen)
    assert (told.type, told.holds) == ("Notified", holds)
    assert said in told.message
    assert KIND.health(seen).code == "Healthy"


async def test_what_is_noted_is_seen(tmp_path: Path) -> None:
    """The driver looks where whoever tells them writes; nothing there is nothing known."""
    want = Resource(
        Ref("Stack", "main"), spec({"name": "ops", "url": SECRET}), Origin(PurePath("s.yaml"), 1)
    )
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "main.json").write_text(KIND.render(want).model_dump_json())
    driver = StackDriver(tmp_path / "stack", Notes(tmp_path / "note", tmp_path / "notices"))
    assert (await driver.observe())["main"].vitals == {"notifications": {}}
    (tmp_path / "notices").write_text('{"ops": {"error": "away"}}')
    assert (await driver.observe())["main"].vitals["notifications"]["ops"]["error"] == "away"
