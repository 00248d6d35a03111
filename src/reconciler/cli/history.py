"""`reconciler history` and `reconciler rollback`: what became of revisions, and going back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from ..core.lines import Line, Span, Style, grid, line, tame, told
from ..core.render import SHORT_REVISION
from ..settings import Settings
from .ages import ago, local, span
from .client import Refused
from .names import demand_word
from .outcome import Exit, Failure
from .stack import find_operator
from .terminal import Terminal, structured

View: TypeAlias = Mapping[str, Any]

STYLES: Final = {
    "healthy": Style.GOOD,
    "failed": Style.BAD,
    "rolledBack": Style.BAD,
    "progressing": Style.CHANGE,
}
NO_SUCH: Final = frozenset({404, 422})
"""How the operator answers where there is none, and where there can be none of that name."""
RESULTS: Final = {"rolledBack": "rolled back"}


def history(
    settings: Settings, terminal: Terminal, *, limit: int = 20, output: str = "text"
) -> int:
    """Print one row per revision, newest first."""
    items = find_operator(settings).revisions(limit)["items"]
    if output != "text":
        terminal.write(structured({"items": items}, output))
    elif items:
        terminal.show(rows(items, now=datetime.now(UTC), width=terminal.width))
    else:
        terminal.hint("no revision was current yet")
    return Exit.OK


def revision(settings: Settings, terminal: Terminal, *, start: str, output: str = "text") -> int:
    """Print all that is known of one revision."""
    demand_word(start)
    try:
        view = find_operator(settings).revision(quote(start, safe=""))
    except Refused as refused:
        if refused.status not in NO_SUCH:
            raise
        raise Failure(
            f"no revision {start} was current here",
            hint="`reconciler history` lists those that were",
        ) from refused
    if output != "text":
        terminal.write(structured(view, output))
    else:
        terminal.show(details(view, width=terminal.width))
    return Exit.OK


def rollback(settings: Settings, terminal: Terminal, *, to: str, reason: str = "") -> int:
    """Have another revision in the place of HEAD; without ``to``, HEAD again."""
    operator = find_operator(settings, deadline=60)
    done = operator.roll_back(to, reason) if to else operator.undo()
    current = tame(str(done["revision"]))[:SHORT_REVISION]
    if not done.get("rolledBack"):
        terminal.show([line(Span(f"{current} counts again", Style.GOOD))])
        return Exit.OK
    head = tame(str(done["head"]))[:SHORT_REVISION]
    terminal.show([line(Span(f"back to {current} in the place of {head}; data stays as it is"))])
    terminal.hint("a new commit ends it, or `reconciler rollback --undo`")
    return Exit.OK


def rows(items: Sequence[View], *, now: datetime, width: int) -> list[Line]:
    """What, who, result, duration."""
    names = ("BEGAN", "REVISION", "RESULT", "TOOK", "WHO", "CHANGED", "WHAT")
    head = tuple(Span(name, Style.FAINT) for name in names)
    return grid([head, *(_row(item, now) for item in items)], width=width)


def details(view: View, *, width: int) -> list[Line]:
    """One revision: how it went, what it changed, what became of each resource."""
    facts = [
        ("revision", view["revision"]),
        ("subject", view.get("subject")),
        ("author", view.get("author")),
        ("committed", view.get("committed") and local(view["committed"])),
        ("cause", _cause(view)),
        ("after", view.get("before")),
        ("result", _result(view)),
        ("began", local(view["began"])),
        ("ended", view.get("ended") and local(view["ended"])),
        ("took", _took(view)),
        ("changed", view.get("summary")),
        ("why", _why(view)),
    ]
    found: list[Line] = []
    for name, value in facts:
        if value:
            found += told(f"{name:<10} ", tame(str(value)), width=width)
    if view.get("resources"):
        heads = tuple(Span(name, Style.FAINT) for name in ("RESOURCE", "CHANGE", "READY", "WHY"))
        table = grid([heads, *map(_resource, view["resources"])], width=width)
        found += [(), *table]
    if view.get("passes"):
        found += [(), line(Span("passes", Style.FAINT))]
        for one in view["passes"]:
            text = f"{one['result']}, {one['tookMs']:.0f} ms: {one['summary']}"
            found += told(f"  {local(one['time'])}  ", tame(text), width=width)
    return found


def _row(item: View, now: datetime) -> tuple[Span, ...]:
    return (
        Span(ago(item["began"], now)),
        Span(tame(str(item["revision"]))[:SHORT_REVISION]),
        Span(_result(item), STYLES.get(str(item["result"]))),
        Span(_took(item) or "—"),
        Span(tame(str(item.get("by") or item.get("author") or "—"))),
        Span(tame(str(item.get("summary", "")))),
        Span(tame(_why(item) if item["result"] in {"failed", "rolledBack"} else _what(item))),
    )


def _what(item: View) -> str:
    subject = str(item.get("subject") or "")
    return f"back to: {subject}" if item.get("cause") == "rollback" else subject


def _result(item: View) -> str:
    return RESULTS.get(str(item["result"]), str(item["result"]))


def _took(item: View) -> str:
    return "" if item.get("seconds") is None else span(float(item["seconds"]))


def _cause(item: View) -> str:
    if item.get("cause") == "revert":
        return "a commit of the operator's own, in the place of what it took back"
    if item.get("cause") != "rollback":
        return "a commit"
    return f"a rollback by {item['by']}" if item.get("by") else "a rollback by the operator"


def _why(item: View) -> str:
    if item["result"] == "rolledBack":
        return str(item.get("message", ""))
    return f"{item.get('culprit', '')}: {item.get('message', '')}".strip(": ")


def _resource(one: View) -> tuple[Span, ...]:
    took = one.get("seconds")
    ready = "no" if not one["ready"] else "yes" if took is None else f"in {span(float(took))}"
    return (
        Span(one["ref"]),
        Span(one["what"] or "—"),
        Span(ready, None if one["ready"] else Style.BAD),
        Span("" if one["ready"] else tame(f"{one['reason']}: {one['message']}".strip(": "))),
    )
