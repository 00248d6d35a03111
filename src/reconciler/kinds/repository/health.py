"""How well a Repository does. Reads vitals; never compared with the spec."""

from __future__ import annotations

from ...core.model import Health, HealthCode, Observed
from .state import RepositoryState


def health(seen: Observed[RepositoryState]) -> Health:
    vitals = seen.vitals
    if not seen.state.url and not seen.vitals.get("damaged"):
        return Health(HealthCode.SUSPENDED, "Disabled", "no url is set, so nothing is kept")
    if vitals.get("checked") is None:
        return Health(HealthCode.PROGRESSING, "NotChecked", "the remote was not asked yet")
    if not vitals.get("reachable"):
        reason, message = vitals.get("reason", "Unreachable"), vitals.get("message", "")
        return Health(HealthCode.DEGRADED, str(reason), str(message))
    if vitals.get("lease") == "theirs":
        whose = f"{vitals.get('leaseHost')} ({vitals.get('leaseHolder')})"
        message = f"{whose} writes to this branch; nothing is pushed from here until it stops"
        return Health(HealthCode.DEGRADED, "ReadOnly", message)
    if vitals.get("empty"):
        return Health(HealthCode.HEALTHY, "Empty", "the remote answers and holds nothing yet")
    return Health(HealthCode.HEALTHY, "Reachable", "the remote answers")
