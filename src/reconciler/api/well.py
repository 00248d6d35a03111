"""Whether the whole is well, or one resource of it: the judgements behind the health pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .view import View

SERIOUS: Final = frozenset({"Degraded", "Unknown"})
WORST_FIRST: Final = ("Unknown", "Degraded", "Progressing", "Suspended", "Healthy")


def is_degraded(status: View) -> bool:
    """Whether something is sick, or what is wanted is not done since a spec is broken."""
    verdict = status["verdict"]
    refused = not verdict["inSync"] and bool(status.get("problems"))
    return refused or verdict["health"] in SERIOUS


def conditions(verdict: View) -> list[View]:
    """The verdict on the whole, said as each resource says its own; empty before there is one."""
    if not verdict:
        return []
    ready, in_sync, code = verdict["ready"], verdict["inSync"], verdict["health"]
    return [
        _condition("Ready", "Ready" if ready else "NotReady", is_so=ready),
        _condition("InSync", "InSync" if in_sync else "OutOfSync", is_so=in_sync),
        _condition("Healthy", code, is_so=code not in SERIOUS),
    ]


def _condition(name: str, reason: str, *, is_so: bool) -> View:
    return {"type": name, "status": str(bool(is_so)), "reason": reason}


def worst(resources: Iterable[View], kind: str, name: str) -> View | None:
    """Of a resource, or of all instances of one that is written, the one that does worst."""
    found = [
        view
        for view in resources
        if view["kind"].lower() == kind.lower()
        and name in {view["name"], view["writtenAs"].rpartition("/")[2]}
    ]
    return min(found, key=lambda view: WORST_FIRST.index(view["health"]["code"]), default=None)


def one_view(view: View) -> View:
    """What a monitor shows of one resource."""
    return {
        "ref": view["ref"],
        "reason": view["health"]["reason"],
        "message": view["health"]["message"],
        "conditions": view["conditions"],
    }
