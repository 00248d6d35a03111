"""A plan as surfaces show it: plain JSON values."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from ..core.gates import AnyChange, AnyResource
from ..core.model import Apply, Blocked, Json, Unknown, Verb
from ..core.overrides import Override
from ..core.plan import Plan
from ..core.request import Asked, Request
from .ledger import Ledger

View = dict[str, Json]

DONE = {Asked.STOP: "stopped", Asked.START: "started", Asked.RESTART: "restarted"}
HOW = {"user": "by hand", "restore": "for a restore", "watch": "because a file changed"}

AUTO: Final = "auto"
_NUMBER: Final = re.compile(r"(?<![\w.])[0-9]{1,5}(?![\w.])")


def timestamp(seconds: float) -> str | None:
    """Unix seconds as people and machines read them; None for never."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def problems_view(ledger: Ledger) -> list[View]:
    """What is wrong with the specs, file by file."""
    snapshot = ledger.snapshot
    return [problem.to_json() for problem in snapshot.problems] if snapshot else []


def warnings_view(ledger: Ledger) -> list[View]:
    """What is odd about the specs, though nothing is wrong."""
    every = [problem for one in ledger.reviewed.warnings.values() for problem in one]
    return [problem.to_json() for problem in sorted(every)]


def plan_view(ledger: Ledger, plan: Plan, took_ms: int) -> View:
    """The whole plan, as ``reconciler diff`` shows it."""
    changes = [change_view(ledger, change) for change in plan.changes]
    snapshot, differing = ledger.snapshot, {change.ref for change in plan.held}
    return {
        "revision": plan.revision,
        "source": snapshot.source if snapshot else "",
        "inSync": plan.in_sync,
        "observedAt": timestamp(ledger.observed_at),
        "tookMs": took_ms,
        "summary": summary_view(plan.changes, held=len(plan.held)),
        "changes": changes,
        "held": held_view(ledger, plan),
        "blocked": [
            {"ref": str(one.ref), **_why(one)} for one in plan.blocked if one.ref not in differing
        ],
        "due": [
            {"ref": str(step.ref), "action": type(step.action).__name__}
            for step in (*plan.bound, *plan.due)
        ],
        "order": list(dict.fromkeys(str(step.ref) for step in plan.steps)),
        "overrides": [override_view(one) for one in ledger.asked.overrides],
        "pending": list(snapshot.pending) if snapshot else [],
        "problems": problems_view(ledger),
        "warnings": warnings_view(ledger),
        "whole": ledger.snapshot is not None and ledger.snapshot.whole,
        "unknown": [_unknown_view(ledger, kind) for kind in plan.unknown],
    }


def is_calm(view: View) -> bool:
    """Whether a plan leaves nothing to do: then nobody needs to look again whether it was done."""
    return bool(view["inSync"]) and not (view["due"] or view["blocked"] or view["problems"])


def change_view(ledger: Ledger, change: AnyChange) -> View:
    """One ref's difference, as it is wanted now."""
    guessed = ledger.ports.guessed if ledger.ports is not None else frozenset()
    return difference_view(change, ledger.desired.get(change.ref), guessed)


def difference_view(
    change: AnyChange, want: AnyResource | None, guessed: Collection[int] = ()
) -> View:
    """One ref's difference; ``want`` is where it is written, None when it no longer is."""
    return {
        "ref": str(change.ref),
        "writtenAs": str(want.written_as if want else change.ref),
        "verb": change.verb.value,
        "apply": change.apply.value,
        "origin": str(want.origin) if want else None,
        "cause": change.cause.value,
        "request": None if change.request is None else request_view(change.request),
        "fields": [
            {
                "path": f.path,
                "before": f.before,
                "after": _unguessed(f.after, guessed) if guessed else f.after,
                "apply": f.apply.value,
            }
            for f in change.fields
        ],
    }


def _unguessed(value: Json, guessed: Collection[int]) -> Json:
    """A value without ports that are only a guess: what is started gets others."""
    if isinstance(value, dict):
        return {key: _unguessed(one, guessed) for key, one in value.items()}
    if isinstance(value, list):
        return [_unguessed(one, guessed) for one in value]
    if isinstance(value, str):
        return _NUMBER.sub(lambda one: AUTO if int(one[0]) in guessed else one[0], value)
    return AUTO if value in guessed else value


def held_view(ledger: Ledger, plan: Plan | None, *, unwanted: bool = False) -> list[View]:
    """What is held back and why; ``unwanted``: only what the specs do not name any more."""
    if plan is None:
        return []
    whys, wanted = {one.ref: one for one in plan.blocked}, ledger.desired if unwanted else {}
    held = [change for change in plan.held if change.ref not in wanted]
    return [{**change_view(ledger, one), **_why(whys.get(one.ref))} for one in held]


def override_view(override: Override) -> View:
    """What was asked of one ref, with the words for it."""
    return {"ref": str(override.ref), **request_view(override.request)}


def request_view(request: Request) -> View:
    """What was asked, why, by whom, until when."""
    return {
        "verb": request.verb.value,
        "cause": request.cause,
        "reason": request.reason,
        "author": request.author,
        "at": timestamp(request.at),
        "until": timestamp(request.until or 0.0),
        "epoch": request.epoch,
        "what": f"{DONE[request.verb]} {HOW.get(request.cause, f'({request.cause})')}",
    }


def summary_view(changes: Sequence[AnyChange], *, held: int) -> View:
    """How much there is of what."""
    hard = {Apply.RESTART, Apply.RECREATE}
    restarts = [c for c in changes if c.verb is Verb.UPDATE and c.apply in hard]
    return {
        "changes": len(changes),
        "restarts": len(restarts),
        "deletions": sum(change.verb is Verb.DELETE for change in changes),
        "creations": sum(change.verb is Verb.CREATE for change in changes),
        "held": held,
    }


def _why(blocked: Blocked | None) -> View:
    if blocked is None:
        return {"reason": "", "message": "", "after": None}
    return {"reason": blocked.reason, "message": blocked.message, "after": blocked.after}


def _unknown_view(ledger: Ledger, kind: str) -> View:
    seen = ledger.world.get(kind)
    if not isinstance(seen, Unknown):
        return {"kind": kind, "reason": "Unknown", "message": ""}
    return {"kind": kind, "reason": seen.reason, "message": seen.message}
