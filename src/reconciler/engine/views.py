"""What surfaces show: plain JSON values made from the engine's types, for CLI, API and UI."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .. import __version__
from ..core.gates import AnyChange
from ..core.model import Apply, Blocked, Health, HealthCode, Json, Plan, Ref, Unknown, Verb
from ..core.overrides import Override
from ..core.status import Condition, ConditionStatus
from .ledger import Ledger

View = dict[str, Json]

WORST_FIRST = (HealthCode.UNKNOWN, HealthCode.DEGRADED, HealthCode.PROGRESSING)


def timestamp(seconds: float) -> str | None:
    """Unix seconds as people and machines read them; None for never."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


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
        "summary": _summary(plan),
        "changes": changes,
        "held": held_view(ledger, plan),
        "blocked": [
            {"ref": str(one.ref), **_why(one)} for one in plan.blocked if one.ref not in differing
        ],
        "due": [{"ref": str(step.ref), "action": type(step.action).__name__} for step in plan.due],
        "order": list(dict.fromkeys(str(step.ref) for step in plan.steps)),
        "overrides": [override_view(one) for one in ledger.overrides],
        "pending": list(snapshot.pending) if snapshot else [],
        "problems": problems_view(ledger),
        "unknown": [_unknown_view(ledger, kind) for kind in plan.unknown],
    }


def change_view(ledger: Ledger, change: AnyChange) -> View:
    """One ref's difference."""
    want = ledger.desired.get(change.ref)
    return {
        "ref": str(change.ref),
        "writtenAs": str(want.written_as if want else change.ref),
        "verb": change.verb.value,
        "apply": change.apply.value,
        "origin": str(want.origin) if want else None,
        "cause": change.cause.value,
        "fields": [
            {"path": f.path, "before": f.before, "after": f.after, "apply": f.apply.value}
            for f in change.fields
        ],
    }


def blocked_view(blocked: Blocked) -> View:
    return {"ref": str(blocked.ref), **_why(blocked)}


def held_view(ledger: Ledger, plan: Plan | None, *, unwanted: bool = False) -> list[View]:
    """What is held back and why; ``unwanted``: only what the specs do not name any more."""
    if plan is None:
        return []
    whys, wanted = {one.ref: one for one in plan.blocked}, ledger.desired if unwanted else {}
    held = [change for change in plan.held if change.ref not in wanted]
    return [{**change_view(ledger, one), **_why(whys.get(one.ref))} for one in held]


def override_view(override: Override) -> View:
    return {"ref": str(override.ref), "reason": override.reason, "author": override.author}


def problems_view(ledger: Ledger) -> list[View]:
    """What is wrong with the specs, file by file."""
    snapshot = ledger.snapshot
    return [problem.to_json() for problem in snapshot.problems] if snapshot else []


def status_view(ledger: Ledger) -> View:
    """Everything that is true now, in one document."""
    resources = [resource_view(ledger, ref) for ref in sorted(ledger.desired)]
    resources += [_foreign_view(ledger, ref) for ref in _system_refs(ledger)]
    return {
        "verdict": _verdict(ledger, resources),
        "revision": ledger.snapshot.revision if ledger.snapshot else None,
        "source": ledger.snapshot.source if ledger.snapshot else "",
        "operator": {"pid": os.getpid(), "version": __version__},
        "appliedAt": timestamp(ledger.applied_at),
        "observedAt": timestamp(ledger.observed_at),
        "pending": list(ledger.snapshot.pending) if ledger.snapshot else [],
        "problems": problems_view(ledger),
        "overrides": [override_view(one) for one in ledger.overrides],
        "held": held_view(ledger, ledger.plan, unwanted=True),
        "resources": resources,
    }


def resource_view(ledger: Ledger, ref: Ref) -> View:
    """One wanted resource: where it is written, its conditions, its health, its vitals."""
    want = ledger.desired[ref]
    return {
        **_seen_view(ledger, ref),
        "writtenAs": str(want.written_as),
        "origin": str(want.origin),
        "labels": dict(want.labels),
        "suspend": want.suspend,
        "generation": ledger.generation(ref),
        "observedGeneration": ledger.observed_generation(ref),
        "conditions": [_condition_view(one) for one in ledger.conditions.get(ref, {}).values()],
        "system": False,
    }


def event_view(row: tuple[Any, ...]) -> View:
    time, ref, kind, reason, message, count = row
    return {
        "time": timestamp(time),
        "ref": ref,
        "type": kind,
        "reason": reason,
        "message": message,
        "count": count,
    }


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


def _summary(plan: Plan) -> View:
    changes = plan.changes
    hard = {Apply.RESTART, Apply.RECREATE}
    restarts = [c for c in changes if c.verb is Verb.UPDATE and c.apply in hard]
    return {
        "changes": len(changes),
        "restarts": len(restarts),
        "deletions": sum(change.verb is Verb.DELETE for change in changes),
        "creations": sum(change.verb is Verb.CREATE for change in changes),
        "held": len(plan.held),
    }


def _verdict(ledger: Ledger, resources: list[View]) -> View:
    plan, snapshot = ledger.plan, ledger.snapshot
    codes = {one["health"]["code"] for one in resources if not one["system"]}
    health = next((code for code in WORST_FIRST if code.value in codes), HealthCode.HEALTHY)
    in_sync = plan is not None and plan.in_sync and snapshot is not None and snapshot.whole
    unready = [one["ref"] for one in resources if not one["system"] and not _is_ready(one)]
    return {
        "ready": plan is not None and not unready and in_sync,
        "inSync": in_sync,
        "health": health.value,
        "message": f"{len(unready)} not ready: {', '.join(unready[:5])}" if unready else "",
    }


def _is_ready(resource: Mapping[str, Json]) -> bool:
    return resource["suspend"] or any(
        one["type"] == "Ready" and one["status"] == ConditionStatus.TRUE
        for one in resource["conditions"]
    )


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


def _seen_view(ledger: Ledger, ref: Ref) -> View:
    """What was last seen of a ref, wanted or not."""
    live = ledger.live(ref)
    absent = Health(HealthCode.UNKNOWN, "Absent", "it is not there")
    health = ledger.kinds[ref.kind].health(live) if live else absent
    vitals = dict(live.vitals) if live else {}
    if "pid" in vitals:
        vitals["restarts"] = ledger.restarts.counts[ref]
    return {
        **_name_view(ref),
        "health": {"code": health.code.value, "reason": health.reason, "message": health.message},
        "vitals": vitals,
    }


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


def _why(blocked: Blocked | None) -> View:
    if blocked is None:
        return {"reason": "", "message": "", "after": None}
    return {"reason": blocked.reason, "message": blocked.message, "after": blocked.after}


def _unknown_view(ledger: Ledger, kind: str) -> View:
    seen = ledger.world.get(kind)
    if not isinstance(seen, Unknown):
        return {"kind": kind, "reason": "Unknown", "message": ""}
    return {"kind": kind, "reason": seen.reason, "message": seen.message}
