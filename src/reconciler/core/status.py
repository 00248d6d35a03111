"""What is true of a resource, computed in one place: Ready, Reconciling, Stalled, Healthy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from .errors import ReconcileError
from .model import Blocked, Change, Health, HealthCode, Verb
from .turns import FAILED

STUCK: Final = frozenset(
    {"NotOwned", "MassDelete", "DependencyCycle", "DependencyTimeout", "PruneOff", FAILED}
)
"""Reasons of a gate that time alone will not lift."""


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """One fact of a resource's status. ``since`` moves only when ``status`` does."""

    type: str
    status: ConditionStatus
    reason: str
    message: str
    generation: int
    since: datetime


class Told(NamedTuple):
    """One more fact that a kind tells of a thing; ``holds`` is None while nobody knows."""

    type: str
    holds: bool | None
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that conditions of one resource are made of. ``health`` is None when it is not there."""

    generation: int = 1
    change: Change[Any] | None = None
    blocked: Blocked | None = None
    failure: ReconcileError | None = None
    stalled: bool = False
    unknown: bool = False
    health: Health | None = None
    told: tuple[Told, ...] = ()
    """What its kind has to tell beside that."""


def conditions(
    facts: Facts, before: Mapping[str, Condition], now: datetime
) -> tuple[Condition, ...]:
    """The four conditions, and its kind's own; ``since`` stays where the status did not flip."""
    return tuple(
        _keep_since(Condition(kind, status, why[0], why[1], facts.generation, now), before)
        for kind, status, why in _judge(facts)
    )


def _judge(facts: Facts) -> Iterator[tuple[str, ConditionStatus, tuple[str, str]]]:
    trouble = _trouble(facts)
    health = facts.health or Health(HealthCode.UNKNOWN, "Absent", "it is not there")
    yield "Ready", _ready(facts, trouble), trouble or (health.reason, health.message)
    moving = facts.change is not None and not _is_stuck(facts)
    moving = moving or health.code is HealthCode.PROGRESSING
    why = (trouble or ("Progressing", health.message)) if moving else ("Settled", "")
    yield "Reconciling", _status(fact=moving), why
    stuck = _is_stuck(facts)
    why = (trouble or (health.reason, health.message)) if stuck else ("Moving", "")
    yield "Stalled", _status(fact=stuck), why
    yield "Healthy", _healthy(facts, health), (health.reason, health.message)
    for one in facts.told:
        known = facts.unknown is False and one.holds is not None
        status = _status(fact=bool(one.holds)) if known else ConditionStatus.UNKNOWN
        yield one.type, status, (one.reason, one.message)


def _trouble(facts: Facts) -> tuple[str, str] | None:
    """The one thing to say when a resource is not as the specs want it."""
    if facts.blocked is not None:
        return facts.blocked.reason, facts.blocked.message
    if facts.failure is not None:
        return facts.failure.reason, str(facts.failure)
    if facts.change is not None:
        return "OutOfSync", _differs(facts.change)
    return None


def _differs(change: Change[Any]) -> str:
    if change.verb is Verb.CREATE:
        return "it is not there yet"
    return ", ".join(field.path for field in change.fields)


def _ready(facts: Facts, trouble: tuple[str, str] | None) -> ConditionStatus:
    if facts.unknown:
        return ConditionStatus.UNKNOWN
    return _status(fact=trouble is None and facts.health is not None and _is_well(facts.health))


def _healthy(facts: Facts, health: Health) -> ConditionStatus:
    if facts.unknown or health.code is HealthCode.UNKNOWN:
        return ConditionStatus.UNKNOWN
    return _status(fact=_is_well(health))


def _is_well(health: Health) -> bool:
    # What was asked to rest does what it should.
    return health.code in {HealthCode.HEALTHY, HealthCode.SUSPENDED}


def _is_stuck(facts: Facts) -> bool:
    if facts.stalled or (facts.blocked is not None and facts.blocked.reason in STUCK):
        return True
    # One that has given up is not stuck while something is about to be done about it.
    return facts.health is not None and facts.health.stuck and facts.change is None


def _status(*, fact: bool) -> ConditionStatus:
    return ConditionStatus.TRUE if fact else ConditionStatus.FALSE


def _keep_since(condition: Condition, before: Mapping[str, Condition]) -> Condition:
    old = before.get(condition.type)
    if old is None or old.status is not condition.status:
        return condition
    said = (condition.reason, condition.message, condition.generation)
    if said == (old.reason, old.message, old.generation):
        return old
    return replace(condition, since=old.since)
