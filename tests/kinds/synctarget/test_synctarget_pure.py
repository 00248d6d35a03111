"""SyncTarget without git: what may be written, which change calls for what, when it is due."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.diff import diff
from reconciler.core.model import Due, HealthCode, Need, Observed, Origin, Ref, Resource
from reconciler.kinds.synctarget import KIND
from reconciler.kinds.synctarget.actions import Backup, Restore, Stage, Track, Untrack, Verify
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
        (None, state(), (Track("data", state()), Stage("data"))),
        (None, state(on_start="skip"), (Track("data", state(on_start="skip")),)),
        (state(restored=False, staged=False), state(), (Stage("data"),)),
        (state(restored=False), state(), (Restore("data"),)),
        (state(excludes=("x",)), state(), (Track("data", state()),)),
        (state(path="b/"), state(), (Track("data", state()), Stage("data"))),
        (state(path="b/", restored=False), state(), (Track("data", state()), Stage("data"))),
        (state(repository="b"), state(), (Track("data", state()), Stage("data"))),
        (state(on_start="skip"), state(), (Track("data", state()), Stage("data"))),
        (
            state(on_start="skip", restored=False),
            state(on_start="skip"),
            (Restore("data"),),
        ),
        (state(), state(on_start="prefer"), (Track("data", state(on_start="prefer")),)),
        (state(), None, (Untrack("data"),)),
        (state(), state(), ()),
    ],
)
def test_steps(before: Any, after: Any, expected: tuple[Any, ...]) -> None:
    """Each change calls for the fewest actions that make it true."""
    found = steps(before, after)
    assert [(type(one), one) for one in found] == [(type(one), one) for one in expected]


def test_only_a_restore_disturbs() -> None:
    """Dependents must stop for a restore, and for nothing else."""
    for before, after, disturbed in (
        (state(restored=False), state(), True),
        (state(restored=False, staged=False), state(), False),
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


WEEKLY = {"schedule": "0 5 * * 0", "timezone": "UTC", "sample": "5%"}
SUNDAY = 5 * 3600.0 + 3 * 86400  # 1970-01-04 05:00 UTC


@pytest.mark.parametrize(
    ("drill", "now", "expected"),
    [
        (None, SUNDAY, False),
        ({"since": SUNDAY - 3600}, SUNDAY - 1, False),
        ({"since": SUNDAY - 3600}, SUNDAY, True),
        ({"since": SUNDAY - 3600}, SUNDAY + 30 * 86400, True),
        ({"since": SUNDAY - 3600, "tried": SUNDAY}, SUNDAY + 299, False),
        ({"since": SUNDAY - 3600, "tried": SUNDAY}, SUNDAY + 300, True),
        ({"since": SUNDAY + 99 * 86400}, SUNDAY, False),
    ],
)
def test_drill_is_due_at_its_hours(drill: Any, now: float, *, expected: bool) -> None:
    """Once however many were missed, later when the remote was away, and never before a backup."""
    vitals = {"interval": 1e9, "attempt": now, "backed": now, "drill": drill}
    found = KIND.due(resource(verify=WEEKLY), Observed(state(), owned=True, vitals=vitals), now)
    assert (Verify("data", 0.05) in found.actions) is expected
    for without in ({**vitals, "backed": None}, {**vitals, "disabled": True}):
        seen = Observed(state(), owned=True, vitals=without)
        assert not KIND.due(resource(verify=WEEKLY), seen, now).actions


@pytest.mark.parametrize("sample", ["0%", "101%", "5", "many", "-1%"])
def test_sample_that_is_none_is_refused(sample: str) -> None:
    """A sample is a share of the files, or all."""
    with pytest.raises(ValidationError):
        resource(verify={**WEEKLY, "sample": sample})


def test_writers_are_processes() -> None:
    """With the kind or without it."""
    found = KIND.writers(resource(writers=["Process/bot", "other"]))
    assert list(found) == [Ref("Process", "bot"), Ref("Process", "other")]
    with pytest.raises(ValidationError):
        resource(writers=["Route/x"])


@pytest.mark.parametrize(
    ("restored", "vitals", "code", "reason"),
    [
        (True, {"disabled": True}, HealthCode.SUSPENDED, "Disabled"),
        (False, {"letGo": True}, HealthCode.DEGRADED, "StartedWithout"),
        (False, {"overdue": True}, HealthCode.DEGRADED, "Overdue"),
        (
            False,
            {"progress": {"files": 1, "filesTotal": 2, "bytes": 5, "bytesTotal": 9}},
            HealthCode.PROGRESSING,
            "Restoring",
        ),
        (
            True,
            {
                "backed": 1.0,
                "drill": {"ok": False, "path": "x", "message": "gone", "at": 1.0},
            },
            HealthCode.DEGRADED,
            "DrillFailed",
        ),
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
