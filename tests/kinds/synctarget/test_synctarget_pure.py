"""SyncTarget without git: what may be written, which change calls for what, when it is due."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.diff import diff
from reconciler.core.model import Due, HealthCode, Need, Observed, Origin, Ref, Resource
from reconciler.kinds.synctarget import KIND
from reconciler.kinds.synctarget.actions import Backup, Restore, Track, Untrack
from reconciler.kinds.synctarget.state import SyncTargetState

REF = Ref("SyncTarget", "data")


def resource(**spec: Any) -> Resource[Any]:
    return Resource(
        ref=REF,
        spec=KIND.Spec.model_validate({"repository": "store", "path": "a/", **spec}),
        origin=Origin(PurePath("specs/a.yaml"), 1),
    )


def state(**fields: Any) -> SyncTargetState:
    return KIND.render(resource()).model_copy(update=fields)


def steps(before: SyncTargetState | None, after: SyncTargetState | None) -> tuple[Any, ...]:
    change = diff(REF, after, before)
    return () if change is None else KIND.steps(change)


@pytest.mark.parametrize(
    "path",
    [
        *("/abs/", "../up", "a/../b", "", "/", "./a", "a//b", "-x", "a/.git/", "a/.GIT", "a\0b"),
        ".reconciler/modes/",
    ],
)
def test_path_that_leaves_or_confuses_is_refused(path: str) -> None:
    """A path names a place below the base and nothing else."""
    with pytest.raises(ValidationError):
        resource(path=path)


def test_git_inside_a_name_is_fine() -> None:
    """Only a part that is .git is git's own."""
    assert KIND.render(resource(path="my.github.io/x.git/")).path == "my.github.io/x.git/"


def test_excludes_are_a_set() -> None:
    """Order and a trailing slash of excludes make no difference."""
    one, two = (KIND.render(resource(excludes=e)) for e in (["b/", "a"], ["a/", "b", "a"]))
    assert one == two


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, state(), (Track("data", state()), Restore("data"))),
        (None, state(on_start="skip"), (Track("data", state(on_start="skip")),)),
        (state(restored=False), state(), (Restore("data"),)),
        (state(excludes=("x",)), state(), (Track("data", state()),)),
        (state(path="b/"), state(), (Track("data", state()), Restore("data"))),
        (state(repository="b"), state(), (Track("data", state()), Restore("data"))),
        (state(), None, (Untrack("data"),)),
        (state(), state(), ()),
    ],
)
def test_steps(before: Any, after: Any, expected: tuple[Any, ...]) -> None:
    """Each change calls for the fewest actions that make it true."""
    assert steps(before, after) == expected


def test_only_a_restore_disturbs() -> None:
    """Dependents must stop for a restore, and for nothing else."""
    for before, after, disturbed in (
        (state(restored=False), state(), True),
        (state(excludes=("x",)), state(), False),
        (None, state(on_start="skip"), False),
    ):
        change = diff(REF, after, before)
        assert change is not None
        assert KIND.disturbs(change) is disturbed


@pytest.mark.parametrize(
    ("restored", "vitals", "expected"),
    [
        (False, {"interval": 100.0}, Due()),
        (True, {}, Due()),
        (True, {"interval": 100.0}, Due((Backup("data"),), after=100.0)),
        (True, {"interval": 100.0, "attempt": 950.0}, Due(after=50.0)),
        (True, {"interval": 100.0, "attempt": 900.0}, Due((Backup("data"),), after=100.0)),
        (True, {"interval": 100.0, "attempt": 2000.0}, Due((Backup("data"),), after=100.0)),
        (True, {"interval": 100.0, "attempt": 990.0, "error": {"reason": "x"}}, Due(after=20.0)),
    ],
)
def test_due(restored: bool, vitals: dict[str, Any], expected: Due) -> None:
    """A backup comes once per interval, never before the restore, and survives a clock jump."""
    seen = Observed(state(restored=restored), owned=True, vitals=vitals)
    assert KIND.due(resource(), seen, 1000.0) == expected


@pytest.mark.parametrize(
    ("restored", "vitals", "code", "reason"),
    [
        (False, {}, HealthCode.PROGRESSING, "NotRestored"),
        (
            False,
            {"error": {"reason": "Forbidden", "message": ""}},
            HealthCode.DEGRADED,
            "Forbidden",
        ),
        (True, {}, HealthCode.PROGRESSING, "NotBackedUp"),
        (True, {"backed": 1.0}, HealthCode.HEALTHY, "BackedUp"),
        (True, {"backed": 1.0, "conflict": {"branch": "b"}}, HealthCode.DEGRADED, "Conflicted"),
        (
            True,
            {"backed": 1.0, "skipped": [{"path": "x", "reason": "TooLarge", "message": "big"}]},
            HealthCode.DEGRADED,
            "Incomplete",
        ),
        (
            True,
            {"backed": 1.0, "skipped": [{"path": "x", "reason": "Special", "message": "socket"}]},
            HealthCode.HEALTHY,
            "BackedUp",
        ),
    ],
)
def test_health(restored: bool, vitals: dict[str, Any], code: HealthCode, reason: str) -> None:
    """Health says what is missing before it says that all is well."""
    judged = KIND.health(Observed(state(restored=restored), owned=True, vitals=vitals))
    assert (judged.code, judged.reason) == (code, reason)


def test_needs_its_repository() -> None:
    """A target waits until its repository is configured."""
    assert list(KIND.needs(resource())) == [Need(Ref("Repository", "store"), "configured")]
