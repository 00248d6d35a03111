"""Conditions: one place that says what is true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.core.errors import Transient
from reconciler.core.model import (
    Blocked,
    Change,
    FieldChange,
    Health,
    HealthCode,
    Ref,
    Verb,
)
from reconciler.core.status import Condition, ConditionStatus, Facts, Told, conditions

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WEB = Ref("App", "web-0")
CHANGE: Change[Any] = Change(WEB, Verb.UPDATE, None, None, (FieldChange("word", "a", "b"),))
LATE = "DependencyTimeout"
GONE = Health(HealthCode.DEGRADED, "GaveUp", "10 failures in a row", stuck=True)
WELL = Health(HealthCode.HEALTHY, "Running", "")


def judge(facts: Facts, before: dict[str, Condition] | None = None) -> dict[str, str]:
    """Type -> ``Status Reason``."""
    return {
        one.type: f"{one.status.value} {one.reason}" for one in conditions(facts, before or {}, NOW)
    }


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(health=WELL), ("True Running", "False Settled", "False Moving", "True Running")),
        (
            Facts(health=Health(HealthCode.SUSPENDED, "Stopped", "")),
            ("True Stopped", "False Settled", "False Moving", "True Stopped"),
        ),
        (
            Facts(health=WELL, change=CHANGE),
            ("False OutOfSync", "True OutOfSync", "False Moving", "True Running"),
        ),
        (
            Facts(health=WELL, change=CHANGE, blocked=Blocked(WEB, "NotOwned", "not ours")),
            ("False NotOwned", "False Settled", "True NotOwned", "True Running"),
        ),
        (
            Facts(change=CHANGE, failure=Transient("full", reason="Full")),
            ("False Full", "True Full", "False Moving", "Unknown Absent"),
        ),
        (
            Facts(change=CHANGE, failure=Transient("bad", reason="Bad"), stalled=True),
            ("False Bad", "False Settled", "True Bad", "Unknown Absent"),
        ),
        (
            Facts(health=GONE),
            ("False GaveUp", "False Settled", "True GaveUp", "False GaveUp"),
        ),
        (
            Facts(health=GONE, change=CHANGE),
            ("False OutOfSync", "True OutOfSync", "False Moving", "False GaveUp"),
        ),
        (
            Facts(change=CHANGE, blocked=Blocked(WEB, LATE, "in vain")),
            (
                "False DependencyTimeout",
                "False Settled",
                "True DependencyTimeout",
                "Unknown Absent",
            ),
        ),
        (
            Facts(health=Health(HealthCode.PROGRESSING, "Starting", "")),
            ("False Starting", "True Progressing", "False Moving", "False Starting"),
        ),
        (
            Facts(unknown=True, blocked=Blocked(WEB, "Unreachable", "no answer")),
            ("Unknown Unreachable", "False Settled", "False Moving", "Unknown Absent"),
        ),
    ],
)
def test_conditions(facts: Facts, expected: tuple[str, ...]) -> None:
    """What is true of a resource in each situation."""
    assert tuple(judge(facts).values()) == expected


def test_since_moves_with_the_status_alone() -> None:
    """Another reason keeps the time, another status does not."""
    old = {one.type: one for one in conditions(Facts(health=WELL), {}, NOW)}
    later = NOW + timedelta(hours=1)
    worse = Facts(health=WELL, change=CHANGE)
    new = {one.type: one for one in conditions(worse, old, later)}
    assert new["Ready"].since == later
    assert new["Healthy"].since == NOW
    again = {one.type: one for one in conditions(worse, new, later + timedelta(hours=1))}
    assert again["Ready"].since == later
    assert again["Ready"].status is ConditionStatus.FALSE


@pytest.mark.parametrize(
    ("holds", "unknown", "expected"),
    [
        (True, False, ConditionStatus.TRUE),
        (False, False, ConditionStatus.FALSE),
        (None, False, ConditionStatus.UNKNOWN),
        (True, True, ConditionStatus.UNKNOWN),
    ],
)
def test_a_kind_tells_more(
    holds: bool | None,
    unknown: bool,
    expected: ConditionStatus,
) -> None:
    """Beside what every kind has; of what cannot be seen nobody knows."""
    told = (Told("Proven", holds, "Because", "so"),)
    found = conditions(Facts(told=told, unknown=unknown), {}, NOW)[-1]
    assert (found.type, found.status, found.reason) == ("Proven", expected, "Because")
