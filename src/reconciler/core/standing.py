"""How the current revision stands, as text: on its way, failed, or in the place of a newer one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from .lines import Line, Span, Style, line, tame, told
from .notes import problem_lines

View: TypeAlias = Mapping[str, Any]

SHORT: Final = 7
FEW: Final = 5


def standing_lines(view: View, *, width: int = 100) -> list[Line]:
    """What is to be said of the revision besides what differs; mostly nothing."""
    rows = _away(view["rolledBack"], width) if view.get("rolledBack") else []
    if rows and (revert := view.get("revert")):
        rows += told("    ", tame(str(revert["message"])), width=width)
    if waits := view.get("waits"):
        head, until = tame(str(view["head"]))[:SHORT], tame(str(waits["until"]))[:16]
        why = tame(str(waits["reason"]))
        text = (
            f"revision {head} waits for its window ({why}) until {until} UTC;"
            " `reconciler rollback --undo` has it now"
        )
        rows += told("  ! ", text, width=width)
    rollout = view.get("rollout") or {}
    name = tame(str(rollout.get("revision") or ""))[:SHORT]
    if rollout.get("result") == "progressing":
        rows.append(line(Span(f"  revision {name} is on its way", Style.FAINT)))
    elif rollout.get("result") == "failed":
        rows += told("  ! ", _failure(rollout, name), width=width)
    if view.get("remote"):
        rows += remote_lines(view["remote"], width=width)
    return rows


def remote_lines(facts: View, *, width: int = 100) -> list[Line]:
    """What is known of the source, and what keeps it from being current."""
    current = tame(str(facts.get("current") or "nothing yet"))[:12]
    ref = tame(str(facts.get("ref"))).removeprefix("refs/heads/").removeprefix("refs/tags/")
    head = f"  source {tame(str(facts['url']))} {ref}, at {current}"
    rows = [line(Span(head, Style.FAINT))]
    if not facts.get("ok"):
        why = f"{facts.get('reason')}: {facts.get('message')}; what was good last stays"
        rows += told("  ! ", tame(why), width=width)
    if held := facts.get("held"):
        before, after = (tame(str(held[one]))[:SHORT] for one in ("from", "to"))
        text = (
            f"history was rewritten: {after} does not follow from {before}, which stays;"
            f" `reconciler reconcile --accept {after}` lets it take over"
        )
        rows += told("  ! ", text, width=width)
    if refused := facts.get("refused"):
        commit = tame(str(refused["commit"]))[:SHORT]
        count = len(refused["problems"])
        many = "1 problem" if count == 1 else f"{count} problems"
        text = f"commit {commit} is refused, it has {many}; {current[:SHORT]} stays"
        rows += told("  ! ", text, width=width)
        for problem in refused["problems"][:FEW]:
            rows += _problem(problem, width)
    return rows


def _problem(problem: View, width: int) -> list[Line]:
    if problem.get("path"):
        return problem_lines(problem, head=Span("    "))
    return told("    ", tame(str(problem["message"])), width=width)


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
