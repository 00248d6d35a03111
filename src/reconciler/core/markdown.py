"""A plan as Markdown, for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from .values import shown

View: TypeAlias = Mapping[str, Any]

FIELDS: Final = 12
"""Of one change so many fields are shown."""
LONGEST: Final = 160
COSTS: Final = {"live": "no restart", "reload": "reloads", "restart": "**restarts**"}
SIGNS: Final = {"create": "➕ new", "delete": "➖ deleted"}
_MARKS: Final = re.compile(r"([\\`*_{}\[\]<>#|!~&])")


def plan_markdown(view: View) -> str:
    """One line that sums up, a table of what changes, and what is wrong with the specs."""
    parts = [f"### {_head(view)}", ""]
    if view["changes"]:
        parts += ["| resource | change | fields |", "|---|---|---|"]
        parts += [_row(change) for change in view["changes"]]
        parts.append("")
    for one in view.get("held", ()):
        why = f"{one.get('reason', '')}: {one.get('message', '')}"
        parts.append(f"- held back: {_code(one['ref'])} {_plain(why)}")
    for problem in view.get("problems", ()):
        at = f"{problem['path']}:{problem['line']}:{problem['column']}"
        parts.append(f"- ❌ {_code(at)} {_plain(problem['message'])}")
    for unknown in view.get("unknown", ()):
        parts.append(f"- ❓ {_plain(unknown['kind'])} cannot be seen: {_plain(unknown['message'])}")
    return "\n".join(parts).rstrip("\n") + "\n"


def _head(view: View) -> str:
    names = [str(view[one])[:7] for one in ("before", "revision") if view.get(one)]
    where = " → ".join(map(_code, names))
    if not view["changes"]:
        return f"Nothing would change ({where})"
    summary = view["summary"]
    words = [
        _count(summary["changes"], "change"),
        _count(summary.get("restarts", 0), "restart"),
        _count(summary.get("deletions", 0), "deletion"),
    ]
    return f"{' · '.join(words)} ({where})"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _row(change: View) -> str:
    verb = SIGNS.get(change["verb"]) or COSTS.get(change["apply"], str(change["apply"]))
    fields = change["fields"] if change["verb"] == "update" else ()
    said = [*_fields(fields[:FIELDS])]
    if len(fields) > FIELDS:
        said.append(f"… {len(fields) - FIELDS} more")
    return f"| {_code(change['ref'])} | {verb} | {'<br>'.join(said)} |"


def _fields(fields: Iterable[View]) -> Iterable[str]:
    for one in fields:
        yield f"{_code(one['path'])}: {_code(shown(one['before']))} → {_code(shown(one['after']))}"


def _code(text: Any) -> str:
    """Text as code: nothing in it counts, wherever it comes from."""
    cut = str(text)
    cut = cut if len(cut) <= LONGEST else f"{cut[: LONGEST - 1]}…"
    return "<code>" + _plain(cut) + "</code>"


def _plain(text: Any) -> str:
    flat = " ".join(str(text).split())
    return _MARKS.sub(lambda mark: f"&#{ord(mark[0])};", flat)
