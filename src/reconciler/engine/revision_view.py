"""Revisions as surfaces show them: plain JSON values."""

from __future__ import annotations

from ..core.model import Json
from ..core.revision import Phase, Retreat
from .plan_view import View, timestamp
from .revisions import Revisions


def revision_view(told: dict[str, Json]) -> View:
    """What became of one revision, as the journal has it."""
    began, ended = float(told.get("began") or 0), float(told.get("ended") or 0)
    return {
        **told,
        "began": timestamp(began),
        "ended": timestamp(ended),
        "committed": timestamp(float(told.get("committed") or 0)),
        "seconds": round(ended - began, 3) if ended else None,
    }


def standing_view(revisions: Revisions) -> View:
    """How the current revision stands, and why it is not HEAD where it is not."""
    current, away = revisions.current, revisions.away
    return {
        "head": revisions.head or None,
        "rollout": None
        if current is None
        else {
            "revision": current.revision,
            "result": current.phase.value,
            "cause": current.cause,
            "began": timestamp(current.began),
            "ended": timestamp(current.ended),
            "culprit": current.culprit,
            "message": current.message,
            "wayBack": _way_back(revisions),
        },
        "rolledBack": None if away is None else _away_view(away),
        "waits": None
        if revisions.waits is None
        else {"until": timestamp(revisions.waits.until), "reason": revisions.waits.why},
        "remote": remote_view(revisions.remote()),
        "revert": revisions.revert() or None,
    }


def remote_view(facts: dict[str, Json]) -> View | None:
    """What is known of the source; None where none is followed."""
    if not facts:
        return None
    times = {name: timestamp(float(facts.get(name) or 0)) for name in ("at", "reached")}
    usual = {"reason": "", "message": "", "tip": None, "current": None}
    return {**usual, "refused": None, "held": None, **facts, **times}


def _away_view(away: Retreat) -> View:
    return {
        "from": away.commit,
        "to": away.to,
        "at": timestamp(away.at),
        "by": away.author,
        "reason": away.reason,
        "culprit": away.culprit,
    }


def _way_back(revisions: Revisions) -> str | None:
    """The revision that would come back if the current one failed."""
    current, good = revisions.current, revisions.good
    is_open = current is not None and current.phase in {Phase.PROGRESSING, Phase.FAILED}
    return good if is_open and good and current and good != current.revision else None
