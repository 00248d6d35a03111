"""New revisions come when the calendar lets them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.revision import Retreat, choose
from reconciler.core.windows import Window, closed

HOUR = 3600.0


def at(text: str) -> float:
    return datetime.fromisoformat(f"2026-03-04T{text}:00").replace(tzinfo=UTC).timestamp()


NIGHT = Window(allows=True, schedule="0 2 * * *", duration=2 * HOUR, timezone="UTC")
NOON = Window(allows=False, schedule="0 12 * * *", duration=HOUR, timezone="UTC")


@pytest.mark.parametrize(
    ("windows", "now", "until"),
    [
        ((), "12:30", None),
        ((NOON,), "11:59", None),
        ((NOON,), "12:00", "13:00"),
        ((NOON,), "12:59", "13:00"),
        ((NOON,), "13:00", None),
        ((NIGHT,), "02:00", None),
        ((NIGHT,), "03:59", None),
        ((NIGHT,), "01:00", "02:00"),
        ((NIGHT, NOON), "02:30", None),
        ((NIGHT, NIGHT._replace(allows=False)), "02:30", "04:00"),
    ],
)
def test_when_it_is_closed(windows: tuple[Window, ...], now: str, until: str | None) -> None:
    """A window that denies wins; where any allows, one of these must be open."""
    found = closed(windows, at(now))
    assert (found.until if found else None) == (at(until) if until else None)


@given(
    st.lists(
        st.builds(
            Window,
            allows=st.booleans(),
            schedule=st.sampled_from(["0 * * * *", "30 2 * * *", "*/7 * * * *"]),
            duration=st.sampled_from([60.0, 600.0, HOUR, 5 * HOUR]),
            timezone=st.sampled_from(["UTC", "Asia/Shanghai"]),
        ),
        max_size=4,
    ),
    st.floats(at("00:00"), at("23:59")),
)
def test_the_end_is_ahead(windows: list[Window], now: float) -> None:
    """Who waits until then has waited for something."""
    found = closed(windows, now)
    assert found is None or now < found.until <= now + 26 * HOUR


def test_nobody_is_kept_from_going_back() -> None:
    """A new revision waits; one that is to be left does not."""
    assert choose("r2", {}, "r1") == "r1"
    assert choose("r2", {"r2": Retreat("r2", "r0")}, "r1") == "r0"
