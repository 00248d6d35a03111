"""Whether the operator itself is alive and ready, and its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from ..core.plan import Plan
from ..core.request import Asked
from ..core.revision import Phase
from ..metrics.snapshot import Standing, Unfolding
from .look import Stack
from .views import resource_views

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


def measure(stack: Stack, load_error: str = "", watchers: Mapping[str, bool] | None = None) -> None:
    """Hand the metrics what is true now; ``watchers`` says which watches stand."""
    ledger, metrics = stack.ledger, stack.metrics
    plan = ledger.plan or Plan("", unknown=tuple(stack.kinds))
    asked = Counter({str(verb): 0 for verb in Asked})
    asked.update(str(one.request.verb) for one in stack.requests)
    metrics.set_standing(
        Standing(
            {one.name: one.ok for one in checks(stack, load_error)},
            watchers or {},
            {kind: kind not in plan.unknown for kind in stack.kinds},
            ledger.observed_at,
            asked,
        ),
        _unfolding(stack),
    )
    differing = {str(one.ref) for one in (*plan.changes, *plan.held)}
    metrics.set_resources(resource_views(ledger), differing=differing, unseen=plan.unknown)
    metrics.set_blocked(one.reason for one in plan.blocked)
    if ledger.snapshot is not None:
        revision, problems = ledger.snapshot.revision, len(ledger.snapshot.problems)
        since = _since(stack, revision) if revision != metrics.facts.now.revision else 0.0
        metrics.set_specs(revision, problems=problems, since=since)


def _since(stack: Stack, revision: str) -> float:
    """When ``revision`` came into use, as far as it is recorded; else now."""
    current = stack.revisions.current
    known = current is not None and current.revision == revision
    return current.began if current is not None and known else stack.clock.now()


def _unfolding(stack: Stack) -> Unfolding:
    """How far the revision in use has come."""
    revisions = stack.revisions
    current = revisions.current
    phase = current.phase if current is not None else None
    ended = current.ended - current.began if current is not None and current.ended else None
    return Unfolding(
        {str(one): one is phase for one in Phase},
        ended,
        rolled_back=revisions.away is not None,
        quarantined=len(revisions.retreats),
    )
