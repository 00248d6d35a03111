"""Who waits after a failure, and until when."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from reconciler.core.errors import ReconcileError, Terminal, Transient, Waiting
from reconciler.core.model import Change, FieldChange, Origin, Ref, Resource, Spec, Step, Verb
from reconciler.core.plan import Plan
from reconciler.engine.reconcile import Outcome
from reconciler.engine.retries import Retries

WEB = Ref("App", "web-0")


def wanted(digest: str) -> dict[Ref, Resource[Any]]:
    """It, as one text of its spec says."""
    return {WEB: Resource(WEB, Spec(), Origin(PurePath("web.yaml"), 1), digest=digest)}


DESIRED = wanted("d1")


def change(after: Any = "b") -> Change[Any]:
    """An update of one field."""
    return Change(WEB, Verb.UPDATE, None, None, (FieldChange("word", "a", after),))


def outcome(error: ReconcileError | None = None, *, after: Any = "b") -> Outcome:
    """A pass that applied one change, or failed at it."""
    plan = Plan("r", changes=(change(after),), steps=(Step(WEB, "do"),))
    return Outcome(plan, {}, {WEB: error} if error else {})


CALM = Outcome(Plan("r"), {})


def waits(retries: Retries, now: float) -> float | None:
    """How long the ref is held from now on; None when it is free."""
    held = retries.held(DESIRED, now).get(WEB)
    return held.after if held else None


def test_failures_wait_longer_and_longer() -> None:
    """1, 2, 4 … seconds after each failure in a row."""
    retries, now = Retries(), 100.0
    for expected in (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0):
        retries.learn(outcome(Transient("no", reason="No")), DESIRED, now)
        assert waits(retries, now) == expected
        now += expected
        assert waits(retries, now) is None


def test_terminal_waits_for_an_edit() -> None:
    """Nothing but another spec frees what can never work."""
    retries = Retries()
    retries.learn(outcome(Terminal("bad", reason="Bad")), DESIRED, 0.0)
    assert retries.held(DESIRED, 1e9)[WEB].after is None
    assert retries.stalled(WEB)
    assert not retries.held(wanted("d2"), 0.0)


def test_waiting_is_no_failure() -> None:
    """What merely needs a moment is held by nothing."""
    retries = Retries()
    retries.learn(outcome(Waiting("stopping", reason="Stopping", after=0.1)), DESIRED, 0.0)
    assert waits(retries, 0.0) is None


def test_a_change_that_comes_back_is_a_failure() -> None:
    """Mended and drifted the same way again, at once: the second time already waits."""
    retries, now = Retries(), 0.0
    retries.learn(outcome(), DESIRED, now)
    assert waits(retries, now) is None
    for expected in (1.0, 2.0, 4.0):
        now += 0.5
        retries.learn(outcome(), DESIRED, now)
        assert waits(retries, now) == expected
        now += expected


def test_another_change_is_none() -> None:
    """Edits in quick succession never wait for each other."""
    retries = Retries()
    for n in range(5):
        retries.learn(outcome(after=n), DESIRED, float(n))
        assert waits(retries, float(n)) is None


def test_calm_forgets() -> None:
    """After ten quiet seconds the next failure counts as the first."""
    retries = Retries()
    retries.learn(outcome(Transient("no", reason="No")), DESIRED, 0.0)
    retries.learn(outcome(Transient("no", reason="No")), DESIRED, 1.0)
    retries.learn(CALM, DESIRED, 20.0)
    retries.learn(outcome(Transient("no", reason="No")), DESIRED, 21.0)
    assert waits(retries, 21.0) == 1.0
