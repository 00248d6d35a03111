"""What is to be said about the specs, as text: mistakes, warnings, edits that are not committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from .lines import Line, Span, Style, columns, cut, line, tame, told

View: TypeAlias = Mapping[str, Any]

INDENT: Final = Span("  ")
FEW: Final = 8


def note_lines(view: View, *, width: int = 100) -> list[Line]:
    """What the specs say that is not part of the plan: broken files, edits not committed."""
    rows: list[Line] = []
    if problems := view.get("problems"):
        kept = "" if view.get("whole") else " (nothing is pruned meanwhile)"
        rows += _title(f"problems in the specs: {len(problems)}{kept}")
        for problem in problems:
            rows += problem_lines(problem)
    rows += _warning_lines(view.get("warnings", ()), width=width)
    if pending := view.get("pending"):
        rows += _title(f"pending, not committed: {len(pending)}")
        rows += [
            line(Span(f"  {cut(tame(str(edit)), width - 2)}", Style.FAINT)) for edit in pending
        ]
    return rows


def _warning_lines(warnings: Sequence[View], *, width: int) -> list[Line]:
    rows = _title(f"warnings: {len(warnings)}") if warnings else []
    for one in warnings[:FEW]:
        rows += told(f"  {_place(one)}  ", tame(str(one["message"])), width=width)
    if len(warnings) > FEW:
        rows.append(line(Span("  `reconciler validate` names them all", Style.FAINT)))
    return rows


def problem_lines(problem: View, *, head: Span = INDENT) -> list[Line]:
    """One mistake in the specs: where, what, the line with a caret, how to mend it."""
    at = f":{problem['column']}" if problem["line"] else ""
    rows = [line(head, Span(f"{_place(problem)}{at}", Style.BAD), f" {tame(problem['message'])}")]
    if excerpt := problem.get("excerpt"):
        number = str(problem["line"])
        rows.append(line(Span(f"  {number} | ", Style.FAINT), tame(excerpt)))
        column = int(problem.get("caret") or problem["column"])
        if column <= len(excerpt) + 1:
            caret = " " * columns(tame(excerpt[: column - 1])) + "^"
            gap = Span(f"  {' ' * len(number)} | ", Style.FAINT)
            rows.append(line(gap, Span(caret, Style.BAD)))
    if hint := problem.get("hint"):
        rows.append(line(Span("  hint: ", Style.CALM), tame(hint)))
    return rows


def _place(problem: View) -> str:
    """The file and line; a variable has no lines."""
    return f"{problem['path']}:{problem['line']}" if problem["line"] else str(problem["path"])


def _title(text: str) -> list[Line]:
    return [(), line(Span(text, Style.STRONG))]
