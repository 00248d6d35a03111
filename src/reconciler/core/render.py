"""A plan as text: the verdict first, then what would change, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from .asked import asked_lines
from .lines import Line, Span, Style, columns, cut, flow, line, pad, sides, tame, told
from .notes import note_lines
from .standing import standing_lines
from .values import pair, sealed, shown

View: TypeAlias = Mapping[str, Any]

SHORT_REVISION: Final = 7
FEW: Final = 8
"""How many fields of one change are shown unless all are asked for."""
SIGNS: Final = {
    "create": Span("+", Style.GOOD),
    "update": Span("~", Style.CHANGE),
    "delete": Span("-", Style.BAD),
}
COSTS: Final = {"live": "no restart", "reload": "reloads", "restart": "restarts"}
SOURCES: Final = {"git": "specs", "files": "files", "worktree": "worktree", "remote": "source"}


def plan_lines(view: View, *, full: bool = False, width: int = 100) -> list[Line]:
    """What `reconciler diff` prints: the verdict, changes, drift, what waits and why, notes."""
    other = {"drift", "request"}
    spec = [change for change in view["changes"] if change.get("cause") not in other]
    asked = [change for change in view["changes"] if change.get("cause") == "request"]
    drift = [change for change in view["changes"] if change.get("cause") == "drift"]
    parts = [
        standing_lines(view, width=width),
        unseen_lines(view),
        _changes("", spec, full=full, width=width),
        _changes("drift, made outside the specs", drift, full=full, width=width),
        _changes("asked for the moment", asked, full=full, width=width),
        held_lines(view.get("held", ()), full=full, width=width),
        _blocked(view, width=width),
        asked_lines(view),
        _due(view.get("due", ())),
        _order(view.get("order", ()), width=width),
        note_lines(view, width=width),
    ]
    return [*verdict_lines(view, width=width), *(row for part in parts if part for row in part)]


def verdict_lines(view: View, *, width: int = 100) -> list[Line]:
    """Whether the world matches the specs, in one line."""
    where = Span(f"{source(view)}{_seen(view)}", Style.FAINT)
    if view.get("unknown"):
        kinds = ", ".join(unknown["kind"] for unknown in view["unknown"])
        return sides(line(Span(f"? unknown: {kinds} cannot be seen", Style.BAD)), (where,), width)
    if not view["inSync"]:
        return sides(line(Span(_total(view), Style.STRONG)), (where,), width)
    if view.get("problems"):
        count = _count(len(view["problems"]), "problem")
        text = f"! {count} in the specs; everything else is in sync"
        return sides(line(Span(text, Style.CHANGE)), (where,), width)
    return sides(line(Span("✔ in sync", Style.GOOD)), (where,), width)


def source(view: View) -> str:
    """Where the specs come from, and at which revision: ``specs@4f2c1d9``."""
    name = SOURCES.get(str(view.get("source", "git")), "specs")
    return f"{name}@{tame(str(view.get('revision') or 'none'))[:SHORT_REVISION]}"


def _seen(view: View) -> str:
    at, took = str(view.get("observedAt") or ""), view.get("tookMs")
    clock = f" → observed {at[11:19]}" if len(at) >= len("2026-01-01T00:00:00") else ""
    clock += " UTC" if clock and at.endswith(("Z", "+00:00")) else ""
    return clock + (f" ({took:.0f} ms)" if took is not None else "")


def _total(view: View) -> str:
    summary = view.get("summary", {})
    held = len(view.get("held", ()))
    words = [
        _count(summary.get("changes", len(view["changes"])), "change"),
        _count(summary.get("restarts", 0), "restart"),
        _count(summary.get("deletions", 0), "deletion"),
        *([f"{held} held back"] if held else []),
        *([_count(len(view["problems"]), "problem")] if view.get("problems") else []),
    ]
    return " · ".join(words)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _head(text: str) -> list[Line]:
    return [(), line(Span(text, Style.STRONG))]


def unseen_lines(view: View) -> list[Line]:
    return [
        line(Span(f"  {unknown['kind']}: ", Style.BAD), _because(unknown))
        for unknown in view.get("unknown", ())
    ]


def _because(said: View) -> str:
    return tame(f"{said.get('reason', '')}: {said.get('message', '')}".strip(": "))


def _changes(title: str, changes: Sequence[View], *, full: bool, width: int) -> list[Line]:
    if not changes:
        return []
    wide = _name_room(changes)
    rows: list[Line] = _head(f"{title}: {len(changes)}") if title else [()]
    for change in changes:
        rows += change_lines(change, name_room=wide, full=full, width=width)
    return rows


def _name_room(changes: Iterable[View]) -> int:
    return min(max(columns(change["ref"]) for change in changes), 32)


def change_lines(change: View, *, name_room: int, full: bool, width: int) -> list[Line]:
    """One ref's difference: sign, name, what it costs, where it is written, then its fields."""
    origin = str(change.get("origin") or "")
    head = f"{pad(change['ref'], name_room)}  "
    room = width - columns(head) - columns(origin) - 6
    left = line("  ", SIGNS[change["verb"]], " ", Span(head), cut(_cost(change), max(room, 24)))
    rows = sides(left, line(Span(origin, Style.FAINT)), width) if origin else [left]
    return rows + _fields(change, full=full, width=width)


def _cost(change: View) -> str:
    if change["verb"] != "update":
        why = "" if change.get("origin") else " (no longer in the specs)"
        return "new" if change["verb"] == "create" else f"removed{why}"
    strongest = [f["path"] for f in change["fields"] if f.get("apply") == change.get("apply")]
    if change.get("apply") == "live" or not strongest:
        return COSTS["live"]
    few = ", ".join(strongest[:2]) + (f" and {len(strongest) - 2} more" if strongest[2:] else "")
    verb = COSTS.get(change["apply"], "is made anew")
    return tame(f"{verb} ({few} changed)")


def _fields(change: View, *, full: bool, width: int) -> list[Line]:
    fields = change.get("fields", ())
    if change["verb"] == "delete" and not full:
        return []
    some = fields if full else fields[:FEW]
    wide = min(max((columns(field["path"]) for field in some), default=0), 40)
    room = None if full else width - wide - 8
    rows = [_field(field, change["verb"], wide=wide, room=room) for field in some]
    if len(fields) > len(some):
        left = _count(len(fields) - len(some), "more field")
        rows.append(line(Span(f"      … {left} (--full)", Style.FAINT)))
    return rows


def _field(field: View, verb: str, *, wide: int, room: int | None) -> Line:
    head = Span(f"      {pad(tame(field['path']), wide)}  ")
    before, after = field.get("before"), field.get("after")
    if sealed(before) and sealed(after):
        return line(head, Span("(secret changed)", Style.CHANGE))
    if verb != "update":
        text = shown(after if verb == "create" else before)
        return line(head, Span(text if room is None else cut(text, room)))
    half = None if room is None else max((room - 3) // 2, 12)
    old, new = pair(before, after, half)
    return line(head, Span(old, Style.BAD), " → ", Span(new, Style.GOOD))


def held_lines(held: Sequence[View], *, full: bool, width: int) -> list[Line]:
    if not held:
        return []
    wide = _name_room(held)
    rows = _head(f"held back: {len(held)}")
    for change in held:
        first, *fields = change_lines(change, name_room=wide, full=full, width=width)
        rows += [first, *told("      because ", _because(change), width=width), *fields]
    return rows


def _blocked(view: View, *, width: int) -> list[Line]:
    mentioned = {change["ref"] for change in view.get("held", ())}
    unseen = {unknown["kind"] for unknown in view.get("unknown", ())}
    blocked = [
        entry
        for entry in view.get("blocked", ())
        if entry["ref"] not in mentioned and entry["ref"].partition("/")[0] not in unseen
    ]
    if not blocked:
        return []
    rows = _head(f"blocked: {len(blocked)}")
    for entry in blocked:
        rows += told(f"  · {entry['ref']}  ", _because(entry) + _again(entry), width=width)
    return rows


def _again(entry: View) -> str:
    after = entry.get("after")
    return "" if after is None else f" (looks again in {after:.0f} s)"


def _due(due: Sequence[View]) -> list[Line]:
    if not due:
        return []
    return _head(f"due: {len(due)}") + [
        line(f"  · {entry['ref']}  ", tame(str(entry.get("action", "")))) for entry in due
    ]


def _order(order: Sequence[str], *, width: int) -> list[Line]:
    if len(order) < 2:  # noqa: PLR2004 - one alone has no order
        return []
    return [(), *flow("order: ", order, between=" → ", width=width)]
