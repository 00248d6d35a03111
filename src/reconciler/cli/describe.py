"""`reconciler describe`: all about one resource, down to its last words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from ..clients.logfile import last_lines
from ..core.asked import words
from ..core.lines import Line, Span, Style, cut, grid, line, tame, whole
from ..settings import Settings
from .ages import ago, running_for, span
from .happened import event_lines, events_of
from .names import select
from .outcome import Exit
from .stack import find_operator, resources_of
from .terminal import Terminal, structured
from .vitals import vital

View: TypeAlias = Mapping[str, Any]

WORDS: Final = 10
EVENTS: Final = 5
FEW: Final = 8
LONGEST: Final = 500
"""Characters of a printed line that a person reads."""
OWN_PLACE: Final = frozenset(
    {
        "behind",
        "born",
        "causes",
        "endpoints",
        "meets",
        "probes",
        "readiness",
        "readySince",
        "refusing",
        "targets",
    }
)
"""Vitals that are told in lines of their own, or are for programs only."""


def describe(settings: Settings, terminal: Terminal, *, what: str, output: str = "text") -> int:
    """Print where it is written, its conditions, vitals, last events and last log lines."""
    operator = find_operator(settings)
    found = select(resources_of(operator.status()), what)
    told = [{**one, "events": events_of(operator, [one["ref"]], EVENTS)[::-1]} for one in found]
    if output != "text":
        terminal.write(structured(told[0] if len(told) == 1 else {"items": told}, output))
        return Exit.OK
    now = datetime.now(UTC)
    for index, view in enumerate(told):
        rows = resource_lines(view, now=now, width=terminal.width)
        terminal.show([*([()] if index else []), *rows, *_last_words(view)])
    return Exit.OK


def resource_lines(view: View, *, now: datetime, width: int) -> list[Line]:
    """One resource as text."""
    rows = [line(Span(view["ref"], Style.STRONG))]
    rows += whole([_fact(name, text) for name, text in _facts(view, now)], width=width)
    if conditions := view.get("conditions"):
        rows += [line(Span("conditions", Style.FAINT))]
        rows += whole([_condition(one, now) for one in conditions], width=width)
    # What is empty says nothing, and what has a place of its own is not said twice.
    vitals = {
        name: value
        for name, value in (view.get("vitals") or {}).items()
        if value not in (None, "", [], {}) and name not in OWN_PLACE
    }
    if (uptime := running_for(vitals, now)) is not None:
        vitals["uptime"] = uptime
    if vitals:
        rows += [line(Span("vitals", Style.FAINT))]
        facts = [_fact(name, vital(name, value, now)) for name, value in vitals.items()]
        rows += whole(facts, width=width)
    rows += probe_lines(view, now=now, width=width)
    rows += endpoint_lines(view, width=width)
    rows += restart_lines(view, now=now, width=width)
    if view.get("events"):
        rows += [line(Span("events", Style.FAINT))]
        rows += [
            (Span("  "), *row) for row in event_lines(view["events"], width=width - 2, now=now)
        ]
    return rows


def probe_lines(view: View, *, now: datetime, width: int) -> list[Line]:
    """What each of its probes says."""
    probes = (view.get("vitals") or {}).get("probes") or {}
    if not probes:
        return []
    rows = [line(Span("probes", Style.FAINT))]
    return rows + grid([_probe(role, one, now) for role, one in probes.items()], width=width)


def _probe(role: str, found: View, now: datetime) -> tuple[Span, ...]:
    since, failures = float(found["since"]), int(found["failures"])
    age = f"{span(now.timestamp() - since)} ago" if since else ""
    said = f"{failures} in a row: {found['message']}" if failures > 1 else str(found["message"])
    return Span(f"  {role}"), Span(str(found["verdict"])), Span(age), Span(tame(said))


def endpoint_lines(view: View, *, width: int) -> list[Line]:
    """Where its requests go, when that changes by itself."""
    vitals = view.get("vitals") or {}
    endpoints, refusing = vitals.get("endpoints") or (), vitals.get("refusing") or ()
    if not endpoints:
        return []
    rows = [line(Span("endpoints", Style.FAINT))]
    return rows + grid(
        [_endpoint(one, one["address"] in refusing) for one in endpoints], width=width
    )


def _endpoint(one: View, refuses: bool) -> tuple[Span, ...]:
    ready = one.get("ready", True)
    word = "refuses connections" if ready and refuses else "ready" if ready else "not ready yet"
    style = Style.BAD if ready and refuses else Style.GOOD if ready else Style.CHANGE
    name = tame(str(one.get("name") or ""))
    return Span(f"  {name}"), Span(tame(str(one["address"]))), Span(word, style)


def restart_lines(view: View, *, now: datetime, width: int) -> list[Line]:
    """Why it began anew each time, and its last words before the last bad end."""
    rows: list[Line] = []
    if causes := (view.get("vitals") or {}).get("causes"):
        rows.append(line(Span("restarts", Style.FAINT)))
        rows += grid([_restart(one, now) for one in causes], width=width)
    told = [event for event in view.get("events") or () if event.get("lines")]
    if told:
        last = told[-1]["lines"][-WORDS:]
        rows.append(line(Span(f"last words before {told[-1]['message']}", Style.FAINT)))
        rows += [_printed(word) for word in last]
    return rows


def _printed(text: str) -> Line:
    """A line of a log; the rest of a very long one is in the log."""
    rest = len(text) - LONGEST
    return line("  ", tame(text[:LONGEST]), f"… and {rest} characters" if rest > 0 else "")


def _restart(cause: View, now: datetime) -> tuple[Span, ...]:
    when = f"  {span(now.timestamp() - float(cause['at']))} ago"
    return Span(when), Span(str(cause["cause"])), Span(tame(str(cause.get("detail") or "")))


def _facts(view: View, now: datetime) -> list[tuple[str, str]]:
    health = view["health"]
    why = f" ({health['reason']}: {health['message']})" if health.get("message") else ""
    seen, spec = view.get("observedGeneration"), view.get("generation")
    facts = [
        ("written", view.get("origin") or "nowhere: part of the stack itself"),
        ("as", view["writtenAs"] if view["writtenAs"] != view["ref"] else ""),
        ("health", f"{health['code']}{why}"),
        ("generation", f"{spec}, {seen} observed" if spec is not None else ""),
        ("labels", ", ".join(f"{k}={v}" for k, v in (view.get("labels") or {}).items())),
        ("used by", _some(view.get("usedBy") or ())),
        ("suspended", "yes" if view.get("suspend") else ""),
        ("rollout", (view.get("rollout") or {}).get("message", "")),
        *(("warning", text) for text in view.get("warnings") or ()),
        *(("asked", words(one, now.isoformat())) for one in view.get("requests") or ()),
    ]
    return [(name, tame(text)) for name, text in facts if text]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


def _fact(name: str, text: str) -> tuple[Span, ...]:
    return Span(f"  {tame(name)}", Style.FAINT), Span(cut(text, LONGEST))


def _condition(condition: View, now: datetime) -> tuple[Span, ...]:
    said = f"{condition.get('reason', '')}: {condition.get('message', '')}".strip(": ")
    return (
        Span(f"  {condition['type']}"),
        Span(condition["status"]),
        Span(ago(condition.get("since"), now), Style.FAINT),
        Span(cut(tame(said), LONGEST)),
    )


def _last_words(view: View) -> list[Line]:
    path = (view.get("vitals") or {}).get("log") if view["kind"] == "Process" else ""
    words = list(last_lines(Path(path), lines=WORDS)) if path else []
    if not words:
        return []
    return [
        line(Span(f"last {len(words)} lines of {path}", Style.FAINT)),
        *(_printed(word.text) for word in words),
    ]
