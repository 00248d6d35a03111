"""Text for people as values: lines of marked spans, measured in columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

ELLIPSIS: Final = "…"
# Format characters that reorder or hide what a person reads.
DECEIVING: Final = frozenset("\u200b\u200e\u200f\u2028\u2029\u2060\ufeff") | {
    chr(code) for span in ((0x202A, 0x202F), (0x2066, 0x206A)) for code in range(*span)
}


class Style(StrEnum):
    """What a span means; the surface decides how that looks. Always doubled by a symbol or word."""

    GOOD = "good"
    CHANGE = "change"
    BAD = "bad"
    CALM = "calm"
    DRIFT = "drift"
    FAINT = "faint"
    STRONG = "strong"


class Span(NamedTuple):
    """A run of text with one meaning."""

    text: str
    style: Style | None = None


Line: TypeAlias = tuple[Span, ...]


def line(*parts: str | Span) -> Line:
    """Put text and marked spans side by side."""
    return tuple(Span(part) if isinstance(part, str) else part for part in parts)


def plain(marked: Line) -> str:
    """Read a line without its marks."""
    return "".join(span.text for span in marked)


def tame(text: str) -> str:
    r"""Show what a terminal would obey: an escape becomes ``\x1b``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char in DECEIVING or unicodedata.category(char) in {"Cc", "Cs"}:
        return char.encode("unicode_escape").decode("ascii")
    return char


def columns(text: str) -> int:
    """How many terminal cells a text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, room: int) -> str:
    """Shorten a text to ``room`` columns."""
    if columns(text) <= room:
        return text
    kept, used = [], 1
    for char in text:
        used += _cells(char)
        if used > room:
            break
        kept.append(char)
    return "".join(kept) + ELLIPSIS


def pad(text: str, room: int) -> str:
    """Fill a text with blanks up to ``room`` columns."""
    return text + " " * (room - columns(text))


def sides(left: Line, right: Line, width: int) -> list[Line]:
    """One line with ``right`` at the margin, or two when they do not fit."""
    gap = width - columns(plain(left)) - columns(plain(right))
    if gap >= 2:  # noqa: PLR2004 - fewer than two blanks do not part two columns
        return [(*left, Span(" " * gap), *right)]
    return [left, (Span("      "), *right)]


def flow(head: str, words: Sequence[str], *, between: str, width: int) -> list[Line]:
    """Words after a head, broken at the margin and aligned under the first."""
    rows, row = [], head
    for index, word in enumerate(words):
        piece = word + (between if index < len(words) - 1 else "")
        if columns(row + piece.rstrip()) > width and row.strip() != head.strip():
            rows.append(row.rstrip())
            row = " " * columns(head)
        row += piece
    return [line(text) for text in [*rows, row.rstrip()]]


def told(head: str, text: str, *, width: int) -> list[Line]:
    """A sentence after a head, broken at the margin."""
    return flow(head, [f"{word} " for word in text.split()], between="", width=width)


def widths(rows: Iterable[Sequence[Span]]) -> list[int]:
    """The width of each column of a table."""
    return [max(columns(cell.text) for cell in column) for column in zip(*rows, strict=True)]


def grid(rows: Sequence[Sequence[Span]], *, width: int, gap: int = 2) -> list[Line]:
    """A table: columns aligned left, the last one cut at the margin."""
    if not rows:
        return []
    room = widths(rows)
    return [_row(cells, room, width=width, gap=gap) for cells in rows]


def whole(rows: Sequence[Sequence[Span]], *, width: int, gap: int = 2) -> list[Line]:
    """A table: columns aligned left, the last one goes on below itself."""
    if not rows:
        return []
    room = widths(rows)
    return [each for cells in rows for each in _flowing(cells, room, width=width, gap=gap)]


def _flowing(cells: Sequence[Span], room: Sequence[int], *, width: int, gap: int) -> Iterator[Line]:
    first = tuple(
        Span(pad(cell.text, wide + gap), cell.style)
        for cell, wide in zip(cells[:-1], room, strict=False)
    )
    head, style = " " * columns(plain(first)), cells[-1].style
    for number, row in enumerate(told(head, cells[-1].text, width=width)):
        begin = (Span(head),) if number else first
        yield (*begin, Span(plain(row)[len(head) :], style))


def _row(cells: Sequence[Span], room: Sequence[int], *, width: int, gap: int) -> Line:
    spans, left = [], width
    for cell, wide in zip(cells[:-1], room, strict=False):
        spans.append(Span(pad(cell.text, wide + gap), cell.style))
        left -= wide + gap
    last = cells[-1]
    return (*spans, Span(cut(last.text, max(left, 8)), last.style))
