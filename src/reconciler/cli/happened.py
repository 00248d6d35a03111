"""`reconciler events` and `reconciler history --passes`: what happened."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from ..core.lines import Line, Span, Style, grid, tame
from ..core.render import SHORT_REVISION
from ..settings import Settings
from .ages import ago, local
from .client import Operator
from .names import select
from .outcome import Exit
from .stack import find_operator, resources_of
from .terminal import Terminal, structured

View: TypeAlias = Mapping[str, Any]
Query: TypeAlias = Sequence[tuple[str, str]]

REVISIONS: Final = "Revision/"

AT_ONCE: Final = 200
"""Of so many resources is asked in one request."""


def events(
    settings: Settings,
    terminal: Terminal,
    *,
    what: str | None = None,
    limit: int = 50,
    output: str = "text",
    reasons: Sequence[str] = (),
    since: str | None = None,
    watch: bool = False,
) -> int:
    """Print what happened, newest last; with ``watch`` also what comes."""
    operator = find_operator(settings)
    picked = [("reason", one) for one in reasons]
    if since:
        from .logs import moment

        picked.append(("since", f"{moment(since, time.time()):.3f}"))
    refs = _named(operator, what) if what is not None else []
    if watch:
        from .followed import follow

        query = [("limit", str(limit)), *(("ref", one) for one in refs[:AT_ONCE]), *picked]
        return follow(operator, terminal, query, as_json=output == "json")
    return _print(events_of(operator, refs, limit, picked), event_lines, terminal, output)


def _named(operator: Operator, what: str) -> list[str]:
    if what.startswith(REVISIONS):  # no resource, but things happen to it
        return [what]
    return [one["ref"] for one in select(resources_of(operator.status()), what)]


def events_of(
    operator: Operator, refs: Sequence[str], limit: int, picked: Query = ()
) -> list[View]:
    """The newest events, newest first; of ``refs`` only, where any are given."""
    parts = [refs[start : start + AT_ONCE] for start in range(0, len(refs), AT_ONCE)] or [()]
    queries = ([("limit", str(limit)), *(("ref", r) for r in part), *picked] for part in parts)
    items = [item for query in queries for item in operator.events(query)["items"]]
    return sorted(items, key=lambda item: item["time"] or "", reverse=True)[:limit]


def passes(settings: Settings, terminal: Terminal, *, limit: int = 50, output: str = "text") -> int:
    """Print what was applied, newest last."""
    items = find_operator(settings).history(limit)["items"]
    return _print(items[:limit], pass_lines, terminal, output)


def _print(items: Sequence[View], draw: Any, terminal: Terminal, output: str) -> int:
    # The newest stands next to the prompt, as in a log.
    rows = sorted(items, key=lambda item: item["time"] or "")
    if output != "text":
        terminal.write(structured({"items": rows}, output))
    elif rows:
        terminal.show(draw(rows, width=terminal.width))
    else:
        terminal.hint("nothing happened yet")
    return Exit.OK


def event_lines(items: Sequence[View], *, width: int, now: datetime | None = None) -> list[Line]:
    """One row per event."""
    clock = now or datetime.now(UTC)
    head = _head("SEEN", "TYPE", "RESOURCE", "REASON", "MESSAGE")
    return grid([head, *(_event(item, clock) for item in items)], width=width)


def _event(item: View, now: datetime) -> tuple[Span, ...]:
    style = Style.CHANGE if item["type"] == "Warning" else None
    count = item.get("count") or 1
    times = f" (×{count})" if count > 1 else ""
    return (
        Span(ago(item["time"], now)),
        Span(item["type"], style),
        Span(item["ref"]),
        Span(item["reason"], style),
        Span(tame(f"{item['message']}{times}")),
    )


def pass_lines(items: Sequence[View], *, width: int) -> list[Line]:
    """One row per pass that changed something."""
    head = _head("TIME", "REVISION", "RESULT", "CHANGES", "TOOK", "SUMMARY")
    return grid([head, *(_pass(item) for item in items)], width=width)


def _pass(item: View) -> tuple[Span, ...]:
    style = None if str(item["result"]).lower() in {"ok", "applied", "success"} else Style.CHANGE
    return (
        Span(local(item["time"])),
        Span(tame(str(item["revision"] or ""))[:SHORT_REVISION]),
        Span(str(item["result"]), style),
        Span(str(item["changes"])),
        Span(f"{item['tookMs']:.0f} ms"),
        Span(tame(str(item["summary"] or ""))),
    )


def _head(*names: str) -> tuple[Span, ...]:
    return tuple(Span(name, Style.FAINT) for name in names)
