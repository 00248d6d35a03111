"""The whole stack in one line, for whoever asks whether all is well."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.model import HealthCode, Json
from ..core.plan import Plan
from ..core.status import ConditionStatus
from .ledger import Ledger
from .plan_view import View

WORST_FIRST = (HealthCode.UNKNOWN, HealthCode.DEGRADED, HealthCode.PROGRESSING)


def verdict_view(ledger: Ledger, resources: list[View]) -> View:
    """How the whole is. What is suspended is not judged, but what differs of it is not in sync."""
    snapshot = ledger.snapshot
    # Of specs that were just read nobody has looked yet what they differ in.
    known = snapshot is not None and snapshot.whole
    plan = (
        ledger.plan if known and ledger.plan and ledger.plan.revision == ledger.revision else None
    )
    judged = [one for one in resources if not (one["system"] or one["suspend"])]
    codes = {one["health"]["code"] for one in judged}
    health = next((code for code in WORST_FIRST if code.value in codes), HealthCode.HEALTHY)
    unready = [one["ref"] for one in judged if not _is_ready(one)]
    return {
        "ready": plan is not None and not unready and _is_meant(plan, ledger),
        "inSync": plan is not None and plan.in_sync,
        "health": health.value,
        "message": f"{len(unready)} not ready: {', '.join(unready[:5])}" if unready else "",
    }


def _is_meant(plan: Plan, ledger: Ledger) -> bool:
    """Whether nothing differs but what somebody has suspended."""
    held = (ledger.desired.get(change.ref) for change in plan.held)
    return not (plan.changes or plan.unknown) and all(one and one.suspend for one in held)


def _is_ready(resource: Mapping[str, Json]) -> bool:
    return any(
        one["type"] == "Ready" and one["status"] == ConditionStatus.TRUE
        for one in resource["conditions"]
    )
