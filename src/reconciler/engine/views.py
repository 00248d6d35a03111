"""What surfaces show: plain JSON values made from the engine's types, for CLI, API and UI."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from .. import __version__
from ..core.errors import ReconcileError
from ..core.model import Blocked, Ref, Resource, Unknown
from ..core.overrides import epoch_of
from ..core.status import Condition
from ..core.values import HIDDEN, sealed
from .ledger import Ledger
from .plan_view import View, held_view, override_view, problems_view, timestamp, warnings_view
from .verdict_view import verdict_view


def status_view(ledger: Ledger) -> View:
    """Everything that is true now, in one document."""
    resources = resource_views(ledger)
    return {
        "verdict": verdict_view(ledger, resources),
        "revision": ledger.snapshot.revision if ledger.snapshot else None,
        "source": ledger.snapshot.source if ledger.snapshot else "",
        "operator": {"pid": os.getpid(), "version": __version__},
        "appliedAt": timestamp(ledger.applied_at),
        "observedAt": timestamp(ledger.observed_at),
        "pending": list(ledger.snapshot.pending) if ledger.snapshot else [],
        "problems": problems_view(ledger),
        "warnings": warnings_view(ledger),
        "whole": ledger.snapshot is not None and ledger.snapshot.whole,
        "overrides": [override_view(one) for one in ledger.asked.overrides],
        "held": [_left_view(ledger, one) for one in held_view(ledger, ledger.plan, unwanted=True)],
        "resources": resources,
    }


def resource_views(ledger: Ledger) -> list[View]:
    """All that are wanted, by name, and our own programs."""
    blocked, asked = _blocked(ledger), _asked(ledger)
    wanted = [
        _wanted_view(ledger, ref, blocked.get(ref), asked.get(ref, []))
        for ref in sorted(ledger.present)
    ]
    return wanted + [_foreign_view(ledger, ref) for ref in _system_refs(ledger)]


def resource_view(ledger: Ledger, ref: Ref) -> View:
    """One wanted resource: where it is written, its conditions, its health, its vitals."""
    return _wanted_view(ledger, ref, _blocked(ledger).get(ref), _asked(ledger).get(ref, []))


def _wanted_view(ledger: Ledger, ref: Ref, blocked: Blocked | None, asked: list[View]) -> View:
    """Drawn again only when one of the things it is made of is another object."""
    want = ledger.desired[ref]
    facts = (
        want,
        ledger.live(ref),
        ledger.conditions.get(ref),
        ref in ledger.edits.applied,
        ledger.rolled.stages.get(ref),
        ledger.restarts.counts[ref],
        ledger.reviewed.warnings.get(want.written_as),
        ledger.recall.used_by(ledger.shape, want.written_as),
    )
    if blocked is not None or asked:
        return _draw_wanted(ledger, ref, blocked, asked)
    known = ledger.recall.views.get(ref)
    if known is None or any(old is not new for old, new in zip(known[0], facts, strict=True)):
        known = ledger.recall.views[ref] = (facts, _draw_wanted(ledger, ref, None, []))
    view: View = known[1]
    return view


def _draw_wanted(ledger: Ledger, ref: Ref, blocked: Blocked | None, asked: list[View]) -> View:
    want = ledger.desired[ref]
    return {
        **_seen_view(ledger, ref, blocked),
        "writtenAs": str(want.written_as),
        "origin": str(want.origin),
        "labels": dict(want.labels),
        "usedBy": [str(one) for one in ledger.recall.used_by(ledger.shape, want.written_as) or ()],
        "suspend": want.suspend,
        "generation": ledger.edits.generation(ref),
        "observedGeneration": ledger.edits.observed_generation(ref),
        "conditions": [_condition_view(one) for one in ledger.conditions.get(ref, {}).values()],
        "warnings": [one.message for one in ledger.reviewed.warnings.get(want.written_as, ())],
        "requests": asked,
        "epoch": epoch_of(ledger.live(ref)),
        "lead": want.lead.name,
        "rollout": _stage_view(ledger, ref),
        "system": False,
    }


def _stage_view(ledger: Ledger, ref: Ref) -> View | None:
    stage = ledger.rolled.stages.get(ref)
    if stage is None:
        return None
    return {"role": stage.role.value, "other": stage.other, "message": stage.message}


def _blocked(ledger: Ledger) -> dict[Ref, Blocked]:
    return {} if ledger.plan is None else {one.ref: one for one in ledger.plan.blocked}


def _asked(ledger: Ledger) -> dict[Ref, list[View]]:
    found: dict[Ref, list[View]] = {}
    for one in ledger.asked.overrides:
        found.setdefault(one.ref, []).append(override_view(one))
    return found


def spec_view(resource: Resource[Any]) -> View:
    """What is written for a resource, defaults and all; a secret stays a word."""
    spec: View = _hidden(resource.spec.model_dump(mode="json"))
    return spec


def _hidden(value: Any) -> Any:
    if sealed(value):
        return HIDDEN
    if isinstance(value, dict):
        return {key: _hidden(one) for key, one in value.items()}
    return [_hidden(one) for one in value] if isinstance(value, list) else value


def event_view(row: tuple[Any, ...]) -> View:
    time, ref, kind, reason, message, count, actor, revision, lines = row
    return {
        "time": timestamp(time),
        "ref": ref,
        "type": kind,
        "reason": reason,
        "message": message,
        "count": count,
        "actor": actor,
        "revision": revision,
        "lines": json.loads(lines) if lines else [],
    }


def failures_view(failures: Mapping[Ref, ReconcileError]) -> list[View]:
    """What could not be done, and why."""
    return [
        {"ref": str(ref), "reason": error.reason, "message": str(error)}
        for ref, error in sorted(failures.items())
    ]


def pass_view(row: tuple[Any, ...]) -> View:
    time, revision, lane, changes, result, took_ms, summary = row
    return {
        "time": timestamp(time),
        "revision": revision,
        "lane": lane,
        "changes": changes,
        "result": result,
        "tookMs": took_ms,
        "summary": summary,
    }


def _system_refs(ledger: Ledger) -> list[Ref]:
    return [
        Ref(kind, name)
        for kind, seen in ledger.world.items()
        if not isinstance(seen, Unknown)
        for name, live in seen.items()
        if live.vitals.get("system")
    ]


def _foreign_view(ledger: Ledger, ref: Ref) -> View:
    return {
        **_seen_view(ledger, ref),
        "writtenAs": str(ref),
        "origin": None,
        "conditions": [],
        "system": True,
    }


def _seen_view(ledger: Ledger, ref: Ref, blocked: Blocked | None = None) -> View:
    """What was last seen of a ref, wanted or not."""
    live, health = ledger.live(ref), ledger.health(ref, blocked)
    vitals = dict(live.vitals) if live else {}
    if "pid" in vitals:
        vitals.setdefault("restarts", ledger.restarts.counts[ref])
    if ledger.waits(ref, blocked):
        vitals["state"] = "waiting"
    return {
        **_name_view(ref),
        "health": {"code": health.code.value, "reason": health.reason, "message": health.message},
        "vitals": vitals,
    }


def _left_view(ledger: Ledger, held: View) -> View:
    """What the specs do not name any more and may not go yet: it may well run."""
    kind, _, name = str(held["ref"]).partition("/")
    return {**_seen_view(ledger, Ref(kind, name)), **held}


def _name_view(ref: Ref) -> View:
    return {"ref": str(ref), "kind": ref.kind, "name": ref.name}


def _condition_view(condition: Condition) -> View:
    return {
        "type": condition.type,
        "status": condition.status.value,
        "reason": condition.reason,
        "message": condition.message,
        "since": condition.since.isoformat(timespec="milliseconds"),
        "observedGeneration": condition.generation,
    }
