"""How well a Process does. Reads vitals; never compared with the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...core.model import Health, HealthCode, Json, Observed
from ...core.request import Asked, Request
from .state import Program

_CODES: Final[Mapping[str, tuple[HealthCode, str]]] = {
    "running": (HealthCode.HEALTHY, "Running"),
    "completed": (HealthCode.HEALTHY, "Completed"),
    "armed": (HealthCode.HEALTHY, "Scheduled"),
    "starting": (HealthCode.PROGRESSING, "Starting"),
    "stopping": (HealthCode.PROGRESSING, "Stopping"),
    "backoff": (HealthCode.DEGRADED, "CrashLoop"),
    "failed": (HealthCode.DEGRADED, "Failed"),
    "stopped": (HealthCode.SUSPENDED, "Stopped"),
}
FEW_ENDS: Final = 3
"""So many good ends in a row, each before it was healthy, are no trouble yet."""


def health(seen: Observed[Program]) -> Health:
    """The verdict on one instance."""
    state = str(seen.vitals.get("state", ""))
    code, reason = _CODES.get(state, (HealthCode.UNKNOWN, "Unknown"))
    message = str(seen.vitals.get("message") or state)
    # Over a stock supervisord the operator goes on trying.
    stuck = state == "failed" and bool(seen.vitals.get("gaveUp"))
    if state == "backoff" and seen.vitals.get("failures") == 0:
        return _ended_well(seen.vitals, message)
    if state == "running" and not seen.vitals.get("ready", True):
        return _unready(seen.vitals.get("probes") or {})
    return Health(code, reason, message, stuck=stuck)


def _ended_well(vitals: Mapping[str, Json], message: str) -> Health:
    """A good end of what is meant to stay: no trouble by itself, but again and again it is one."""
    ends = vitals.get("brief") or 0
    if ends <= FEW_ENDS:
        return Health(HealthCode.PROGRESSING, "Restarting", message)
    code = (vitals.get("lastExit") or {}).get("code")
    text = (
        f"ended {ends} times in a row before it was healthy, last with exit code {code}; "
        "a service is meant to stay (type: oneshot for what completes)"
    )
    return Health(HealthCode.DEGRADED, "EndsAtOnce", text)


def _unready(probes: Mapping[str, Json]) -> Health:
    """What the probes say of one that runs and is not ready."""
    startup, readiness = probes.get("startup"), probes.get("readiness")
    if startup is not None and startup["verdict"] != "success":
        text = startup["message"] or "waits for its startup probe"
        return Health(HealthCode.PROGRESSING, "Starting", text)
    if readiness is not None and readiness["verdict"] == "failure" and readiness["settled"]:
        text = readiness["message"] or "its readiness probe fails"
        return Health(HealthCode.DEGRADED, "NotReady", text)
    text = "waits for its first readiness probe"
    if readiness is not None and readiness["failures"]:
        text = f"is not ready yet: {readiness['message']}".removesuffix(": ")
    return Health(HealthCode.PROGRESSING, "NotReady", text)


def calls_for(seen: Observed[Program]) -> Request | None:
    """The restart that a failed startup or liveness probe asks for."""
    probes = seen.vitals.get("probes") or {}
    for name in ("startup", "liveness"):
        found = probes.get(name)
        if found is not None and found["verdict"] == "failure":
            text = f"the {name} probe fails: {found['message']}".removesuffix(": ")
            return Request(Asked.RESTART, "liveness", text, "reconciler")
    return None
