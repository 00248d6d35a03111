"""What is worth telling of a pass and of what people asked: events for the journal."""

from __future__ import annotations

from typing import Any, Final

from ..core.errors import Waiting
from ..core.gates import WAITS
from ..core.model import Cause, Change, HealthCode, Ref, Step
from ..core.overrides import Override
from ..core.plan import Plan
from ..core.request import Asked, Request
from ..core.status import Condition, ConditionStatus, Facts
from ..core.turns import ROLLING
from .journal import Event
from .reconcile import Outcome

DONE: Final = {"create": "Created", "update": "Updated", "delete": "Deleted"}
DOING: Final = {Asked.STOP: "a stop", Asked.START: "a start", Asked.RESTART: "a restart"}


def outcome_events(outcome: Outcome) -> list[Event]:
    """What a pass did, and what it could not do."""
    told = [
        Event(change.ref, "Normal", DONE[change.verb], _why(change), _asker(change))
        for change in outcome.plan.changes
        if change.ref in outcome.applied
    ]
    plan = outcome.plan
    due = {step.ref: step for step in (*plan.bound, *plan.due)}
    told += [
        Event(ref, "Normal", type(step.action).__name__, _occasion(step, plan))
        for ref, step in due.items()
        if ref in outcome.applied
    ]
    told += [
        Event(ref, "Warning", error.reason, str(error))
        for ref, error in outcome.failures.items()
        if not isinstance(error, Waiting)
    ]
    return told


def ready_event(ref: Ref, ready: Condition, *, calm: bool) -> Event:
    """A resource became ready, or is no longer."""
    normal = calm or ready.status is ConditionStatus.TRUE
    return Event(ref, "Normal" if normal else "Warning", ready.reason, ready.message)


def ask_event(ref: Ref, request: Request) -> Event:
    """Somebody asked for something."""
    return Event(ref, "Normal", "Asked", f"{DOING[request.verb]} {_by(request)}", _who(request))


def end_event(override: Override) -> Event:
    """What was asked is done or over."""
    ref, request = override
    text = f"{DOING[request.verb]} {_by(request)}"
    if request.verb is Asked.RESTART:
        return Event(ref, "Normal", "AskedAndDone", text, _who(request))
    return Event(ref, "Normal", "AskedAndOver", f"{text} is over", _who(request))


def release_event(override: Override) -> Event:
    """What was asked is taken back."""
    ref, request = override
    text = f"{DOING[request.verb]} {_by(request)} is taken back"
    return Event(ref, "Normal", "AskedAndOver", text, _who(request))


def _why(change: Change[Any]) -> str:
    if change.request is None:
        return f"because of the {change.cause.value}"
    return f"because of {DOING[change.request.verb]} {_by(change.request)}"


def _occasion(step: Step, plan: Plan) -> str:
    """What made work due. Without its time: what comes again counts as one event."""
    if step.order:
        return "as it was ordered"
    return "what it points at has changed" if step in plan.bound else "its time has come"


def _asker(change: Change[Any]) -> str:
    return "" if change.request is None else _who(change.request)


def _who(request: Request) -> str:
    """The person who asked; nobody where the stack did so itself."""
    return request.author if request.cause == "user" else ""


def _by(request: Request) -> str:
    said = f": {request.reason}" if request.reason else ""
    if request.cause == "user":
        return f"by {request.author}{said}"
    return f"({request.cause}){said}"


def is_meant(facts: Facts) -> bool:
    """Whether it is merely on its way to what somebody wanted."""
    if facts.failure is not None or facts.blocked is not None:
        return facts.blocked is not None and facts.blocked.reason in {WAITS, ROLLING}
    if facts.change is not None:
        return facts.change.cause is not Cause.DRIFT
    return facts.health is not None and facts.health.code is HealthCode.PROGRESSING
