"""Whether the operator itself is alive and ready, and its numbers."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..core.plan import Plan
from .look import Stack
from .views import status_view

STALE_AFTER: Final = 3.0
"""Readiness wants a look at the world no older than this many resync periods."""


class Check(NamedTuple):
    """One line of ``/readyz?verbose``; ``kind`` is ``live`` or ``ready``."""

    name: str
    ok: bool
    message: str
    kind: str


def checks(stack: Stack, load_error: str) -> list[Check]:
    """What liveness and readiness are made of; ``load_error`` is why specs cannot be read now."""
    ledger, now = stack.ledger, stack.clock.now()
    age = now - ledger.observed_at
    fresh = bool(ledger.observed_at) and age < STALE_AFTER * stack.resync
    unknown = () if ledger.plan is None else ledger.plan.unknown
    loaded = ledger.snapshot is not None
    readable = loaded and not load_error
    passed = loaded and ledger.plan is not None and ledger.plan.revision == ledger.revision
    return [
        Check("loop", ok=True, message="", kind="live"),
        Check("specs", readable, load_error or "the specs were not read yet", "ready"),
        Check("observation", fresh, "the world was not seen lately", "ready"),
        Check("planes", not unknown, f"cannot see {', '.join(unknown)}", "ready"),
        Check("apply", passed, "no pass was made for these specs yet", "ready"),
    ]


def measure(stack: Stack) -> None:
    """Hand the metrics what is true now."""
    ledger, metrics = stack.ledger, stack.metrics
    plan = ledger.plan or Plan("", unknown=tuple(stack.kinds))
    differing = {str(one.ref) for one in (*plan.changes, *plan.held)}
    views = status_view(ledger)["resources"]
    metrics.set_resources(views, differing=differing, unseen=plan.unknown)
    metrics.set_blocked(one.reason for one in plan.blocked)
    if ledger.snapshot is not None:
        metrics.set_specs(ledger.snapshot.revision, problems=len(ledger.snapshot.problems))
