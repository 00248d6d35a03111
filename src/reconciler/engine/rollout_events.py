"""What is told of a revision."""

from __future__ import annotations

from typing import Final

from ..core.model import Ref
from ..core.revision import SHORT, Phase, Rollout
from .journal import Event

NORMAL: Final = frozenset({Phase.PROGRESSING, Phase.HEALTHY, Phase.SUPERSEDED})
REASONS: Final = {
    Phase.PROGRESSING: "RevisionBegan",
    Phase.HEALTHY: "RevisionHealthy",
    Phase.FAILED: "RevisionFailed",
    Phase.SUPERSEDED: "RevisionSuperseded",
    Phase.ROLLED_BACK: "RolledBack",
}


def rollout_event(rollout: Rollout, summary: str) -> Event:
    """How far a revision has come; ``summary`` counts what it changed."""
    why = ": ".join(one for one in (rollout.culprit, rollout.message) if one)
    if rollout.phase is Phase.PROGRESSING:
        why = f"{summary}; {rollout.cause}"
    if rollout.phase is Phase.ROLLED_BACK:
        why = rollout.message
    calm = rollout.phase in NORMAL
    return revision_event(rollout.revision, REASONS[rollout.phase], why, calm=calm)


def revision_event(revision: str, reason: str, message: str, *, calm: bool = True) -> Event:
    """Something worth telling about a revision."""
    kind = "Normal" if calm else "Warning"
    return Event(Ref("Revision", revision[:SHORT]), kind, reason, message, revision=revision)
