from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Observed, Origin, Ref, Resource
from reconciler.core.schedule import check_schedule, next_fire
from reconciler.kinds.process import KIND
from reconciler.kinds.process.actions import Run
from reconciler.kinds.process.cron import CronNotes, Memory
from reconciler.kinds.process.spec import ProcessSpec
from reconciler.kinds.process.state import Program


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def test_a_schedule_is_of_its_zone() -> None:
    """Four in the morning there, whatever the machine's own clock says."""
    berlin = next_fire("0 4 * * *", "Europe/Berlin", at("2026-01-10T12:00:00"))
    assert berlin == at("2026-01-11T04:00:00", "Europe/Berlin")
    assert next_fire("0 4 * * *", "UTC", at("2026-01-10T04:00:00")) == at("2026-01-11T04:00:00")


def test_summer_time_neither_skips_nor_doubles_a_night() -> None:
    """The hour that is not there fires after it, the hour that is there twice fires once."""
    zone = "Europe/Berlin"
    spring = next_fire("30 2 * * *", zone, at("2026-03-28T12:00:00", zone))
    assert datetime.fromtimestamp(spring, ZoneInfo(zone)).date().isoformat() == "2026-03-29"
    first = next_fire("30 2 * * *", zone, at("2026-10-24T12:00:00", zone))
    second = next_fire("30 2 * * *", zone, first)
    assert datetime.fromtimestamp(second, ZoneInfo(zone)).date().isoformat() == "2026-10-26"


def test_names_of_schedules() -> None:
    """People write @daily."""
    assert check_schedule("@Daily") == "0 0 * * *"
    assert check_schedule(" 1  2 * * mon ") == "1 2 * * mon"


def cron(**more: Any) -> Resource[ProcessSpec]:
    given = {"command": ["x"], "type": "cron", "schedule": "0 4 * * *", "timezone": "UTC", **more}
    spec = ProcessSpec.model_validate(given, by_alias=True, by_name=False)
    return Resource(Ref("Process", "web-0"), spec, Origin("a", 1))  # type: ignore[arg-type]


def seen(notes: CronNotes, *, started: bool = True) -> Observed[Program]:
    return Observed(Program(started=started), owned=True, vitals={"cron": notes.vitals("web-0")})


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_what_was_missed_is_made_up_for_once(begin: int, later: int) -> None:
    """However long it was down: one run, then none until the next time, and a wake-up for that."""
    now = float(begin)
    notes = CronNotes(Memory(), "1", clock=lambda: now)
    notes.arm("web-0", "0 4 * * * UTC")
    first = next_fire("0 4 * * *", "UTC", now)
    due = KIND.due(cron(), seen(notes), now)
    assert (due.actions, due.after) == ((), first - now)
    now += later
    due = KIND.due(cron(), seen(notes), now)
    assert due.actions == ((Run("web-0", first, "forbid"),) if now >= first else ())
    if due.actions:
        notes.run("web-0")
        due = KIND.due(cron(), seen(notes), now)
        assert due.actions == ()
        assert due.after is not None
        assert 0 < due.after <= 86400


def test_one_that_is_not_started_is_never_due() -> None:
    """Nor is one of which nothing was noted."""
    notes = CronNotes(Memory(), "1", clock=lambda: 0.0)
    assert KIND.due(cron(), seen(notes), 1e9).actions == ()
    notes.arm("web-0", "x")
    assert KIND.due(cron(), seen(notes, started=False), 1e9).actions == ()


def test_notes_outlive_the_operator() -> None:
    """A fresh one reads them; one of another version forgets only what it does not understand."""
    records, now = Memory(), datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    notes = CronNotes(records, "1", clock=lambda: now)
    notes.arm("a", "x")
    notes.run("a")
    records.write("cron", "odd", {"what": 1})
    fresh = CronNotes(records, "2", clock=lambda: now + 5)
    assert fresh.vitals("a") == {"at": now, "ranOnStart": False}
    assert notes.vitals("a") == {"at": now, "ranOnStart": True}
    fresh.arm("a", "x")
    assert fresh.vitals("a") == {"at": now, "ranOnStart": False}
    fresh.disarm("a")
    fresh.arm("a", "x")
    assert fresh.vitals("a") == {"at": now + 5, "ranOnStart": False}
    fresh.forget("a")
    assert CronNotes(records, "2").vitals("a") is None


@pytest.mark.parametrize("bad", ["", "* * * *", "* * * * * *", "a b c d e", "0 0 31 2 *"])
def test_what_is_no_schedule(bad: str) -> None:
    """The error shows how to write one."""
    with pytest.raises(ValueError, match="for example"):
        check_schedule(bad)
