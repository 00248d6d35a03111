"""How the current revision stands, as text: on its way, failed, or in the place of a newer one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from .lines import Line, Span, Style, line, tame, told

View: TypeAlias = Mapping[str, Any]

SHORT: Final = 7


def standing_lines(view: View, *, width: int = 100) -> list[Line]:
    """What is to be said of the revision besides what differs; mostly nothing."""
    rows = _away(view["rolledBack"], width) if view.get("rolledBack") else []
    rollout = view.get("rollout") or {}
    name = tame(str(rollout.get("revision") or ""))[:SHORT]
    if rollout.get("result") == "progressing":
        rows.append(line(Span(f"  revision {name} is on its way", Style.FAINT)))
    elif rollout.get("result") == "failed":
        rows += told("  ! ", _failure(rollout, name), width=width)
    return rows


def _away(away: View, width: int) -> list[Line]:
    before, after = (tame(str(away[one]))[:SHORT] for one in ("from", "to"))
    by = f" by {tame(str(away['by']))}" if away.get("by") else ""
    rows = [line(Span(f"  ! rolled back from {before} to {after}{by}", Style.CHANGE))]
    if away.get("reason"):
        rows += told("    ", tame(str(away["reason"])), width=width)
    text = "    a new commit ends it, or `reconciler rollback --undo`"
    return [*rows, line(Span(text, Style.FAINT))]


def _failure(rollout: View, name: str) -> str:
    why = f"{rollout.get('culprit', '')}: {rollout.get('message', '')}".strip(": ")
    if back := rollout.get("wayBack"):
        way = f"`reconciler rollback {str(back)[:SHORT]}` goes back to the last good one"
    else:
        way = "no revision before it was ever healthy, so there is nothing to go back to"
    return tame(f"revision {name} failed: {why}; {way}")
