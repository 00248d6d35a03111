"""The status of a stack as text: the verdict first, then one row per resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from ..core.asked import words
from ..core.lines import Line, Span, Style, grid, line, sides, tame
from ..core.notes import note_lines
from ..core.render import held_lines, source, unseen_lines
from ..core.standing import standing_lines
from .ages import moment, running_for, span
from .stack import resources_of

View: TypeAlias = Mapping[str, Any]

DOTS: Final = {
    "Healthy": Span("●", Style.GOOD),
    "Progressing": Span("◐", Style.CHANGE),
    "Degraded": Span("✘", Style.BAD),
    "Suspended": Span("○", Style.FAINT),
    "Unknown": Span("?", Style.BAD),
}
NARROW: Final = 90
"""Below this many columns the table leaves out where things are written."""


def status_lines(view: View, *, now: datetime, width: int = 100) -> list[Line]:
    """What `reconciler status` prints."""
    rows = verdict_line(view, now=now, width=width) + unseen_lines(view)
    rows += standing_lines(view, width=width)
    left = [one for one in view.get("held", ()) if one.get("health")]
    if resources := resources_of({"resources": [*view.get("resources", ()), *left]}):
        rows += [(), *table(resources, now=now, width=width)]
    rows += held_lines(view.get("held", ()), full=False, width=width)
    return rows + note_lines(view, width=width)


def verdict_line(view: View, *, now: datetime, width: int = 100) -> list[Line]:
    """Healthy or not, in sync or not, and since when."""
    verdict = view["verdict"]
    health = verdict["health"]
    style = DOTS.get(health, DOTS["Unknown"]).style
    synced = (
        Span("✔ in sync", Style.GOOD) if verdict["inSync"] else Span("! not in sync", Style.CHANGE)
    )
    left = line(Span(f"{'✔' if health == 'Healthy' else '!'} {health}", style), " · ", synced)
    if held := len(view.get("held", ())):
        left = line(*left, " · ", Span(f"{held} held back from removal", Style.CHANGE))
    right = Span(f"{source(view)}{_current_for(view, now)}", Style.FAINT)
    rows = sides(left, (right,), width)
    if view.get("stopping"):
        rows.append(line(Span("! the stack is being stopped", Style.CHANGE)))
    if health != "Healthy" and verdict.get("message"):
        rows.append(line(Span(f"  {tame(verdict['message'])}", style)))
    return rows


def _current_for(view: View, now: datetime) -> str:
    """For how long this very revision is current; empty where only another one's time is known."""
    rollout = view.get("rollout") or {}
    began = moment(rollout.get("began"))
    if began is None or rollout.get("revision") != view.get("revision"):
        return ""
    return f", current for {span((now - began).total_seconds())}"


def table(
    resources: Sequence[View], *, now: datetime, width: int, wide: bool = False
) -> list[Line]:
    """One row per resource, and below it why it is not healthy."""
    heads = ["  NAME", "HEALTH", "STATE", "PID", "UP"]
    heads += ["SPEC"] if wide or width >= NARROW else []
    head = tuple(Span(name, Style.FAINT) for name in heads)
    rows = grid([head, *(_cells(view, len(heads), now) for view in resources)], width=width)
    told: list[Line] = [rows[0]]
    for view, row in zip(resources, rows[1:], strict=True):
        told += [row, *_asked(view, now), *_rollout(view), *_reason(view)]
    return told


def _asked(view: View, now: datetime) -> list[Line]:
    """What is asked of it for the moment."""
    clock = now.isoformat()
    return [
        line(Span(f"    asked: {tame(words(one, clock))}", Style.CHANGE))
        for one in view.get("requests") or ()
    ]


def _cells(view: View, count: int, now: datetime) -> tuple[Span, ...]:
    health = "Suspended" if view.get("suspend") else view["health"]["code"]
    dot = DOTS.get(health, DOTS["Unknown"])
    vitals = view.get("vitals") or {}
    uptime = running_for(vitals, now)
    cells = (
        Span(f"{dot.text} {view['ref']}", Style.FAINT if view.get("system") else None),
        Span(health, dot.style),
        Span(_state(vitals, now)),
        Span(str(vitals.get("pid") or "—")),
        Span("—" if uptime is None else span(uptime)),
        Span(_written(view)),
    )
    return cells[:count]


def _written(view: View) -> str:
    """Where it stands in the specs; what is held back from its removal stands in none."""
    if view.get("system"):
        return "of the stack itself"
    return str(view.get("origin") or ("in no spec" if view.get("verb") == "delete" else "—"))


def _state(vitals: View, now: datetime) -> str:
    """The one volatile fact that says most about its kind."""
    if backed := vitals.get("backed"):
        return f"backup {span(now.timestamp() - float(backed))} ago"
    for name, text in (("state", "{}"), ("version", "version {}")):
        if vitals.get(name) is not None:
            return tame(text.format(vitals[name]))
    return "—"


def _reason(view: View) -> list[Line]:
    ready = {one["type"]: one for one in view.get("conditions", ())}.get("Ready")
    said = ready if ready and ready["status"] != "True" else view["health"]
    well = view["health"]["code"] == "Healthy" and (ready is None or ready["status"] == "True")
    if well or view.get("suspend"):
        return []
    text = f"{said.get('reason', '')}: {said.get('message', '')}".strip(": ")
    return [line(Span(f"    {tame(text)}", Style.FAINT))] if text else []


def _rollout(view: View) -> list[Line]:
    """What it is for while one instance replaces another, where nothing else says so."""
    stage = view.get("rollout") or {}
    if stage.get("role") not in {"coming", "leaving", "written"}:
        return []
    return [line(Span(f"    {tame(stage['message'])}", Style.FAINT))]
