"""A document's text and what it shall say -> the cuts that make it so; all else stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ..core.model import Json
from .expand import AS_WRITTEN
from .spans import BLOCK_STYLES, Fields, Items, Leaf, Span, written
from .yaml_text import inline, lines_of

TOP: Final = -1


class Cut(NamedTuple):
    """What stands from ``begin`` to ``end`` gives way to ``text``."""

    begin: int
    end: int
    text: str


class NotEditable(Exception):  # noqa: N818 - an answer: a person has to edit this file
    """The text is written in a way that is not edited in place."""


class Slot(NamedTuple):
    """Where a value stands: behind the colon or dash at ``begin``; ``indent`` of what holds it."""

    begin: int
    indent: int
    is_item: bool = False


def amend(text: str, document: Span, wanted: Json) -> str:
    """``text`` with ``document`` saying what is ``wanted``. Raises NotEditable."""
    work = _Amending(text)
    work.visit(document, wanted, Slot(TOP, 0), "")
    return apply(text, work.cuts)


def apply(text: str, cuts: Iterable[Cut]) -> str:
    """The text after all cuts. Raises NotEditable when they overlap."""
    parts: list[str] = []
    at = 0
    for begin, end, new in sorted(cuts, key=lambda cut: cut[:2]):
        if begin < at:
            raise NotEditable("two changes meet in one place")
        parts += (text[at:begin], new)
        at = end
    return "".join((*parts, text[at:]))


def ending_of(text: str) -> str:
    """How lines end here."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def is_same(one: Json, other: Json) -> bool:
    """Equal, and of the same type: ``1`` is neither ``true`` nor ``1.0``."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


class _Amending:
    def __init__(self, text: str) -> None:
        self.cuts: list[Cut] = []
        self._text = text
        self._ending = ending_of(text)

    def visit(self, span: Span, wanted: Json, slot: Slot | None, under: str) -> None:
        """Make ``span`` say ``wanted``; without a ``slot`` it stands inside brackets."""
        if is_same(written(span, under), wanted):
            return
        if isinstance(span, Fields) and isinstance(wanted, dict) and self._fits(span, wanted):
            self._fields(span, wanted, under)
        elif isinstance(span, Items) and isinstance(wanted, list) and wanted and span.items:
            self._items(span, wanted, slot, under)
        else:
            self._replace(span, wanted, slot)

    def _fits(self, span: Fields, wanted: dict[str, Json]) -> bool:
        """Whether the mapping can be changed entry by entry."""
        kept = span.fields.keys() & wanted.keys()
        if span.flow:
            return kept == span.fields.keys() == wanted.keys()
        return bool(kept) and (next(iter(span.fields)) in kept or self._is_first(span.begin))

    def _fields(self, span: Fields, wanted: dict[str, Json], under: str) -> None:
        indent = self._column(span.begin)
        for key, one in span.fields.items():
            if key not in wanted:
                self.cuts.append(Cut(self._line(one.key.begin), self._after(one), ""))
                continue
            inner = None if span.flow else Slot(self._colon(one.key, one.value), indent)
            self.visit(one.value, wanted[key], inner, under or (key if key in AS_WRITTEN else ""))
        added = {key: value for key, value in wanted.items() if key not in span.fields}
        self._insert(self._next_line(span.end), lines_of(added) if added else [], indent)

    def _items(self, span: Items, wanted: list[Json], slot: Slot | None, under: str) -> None:
        old = [written(one, under) for one in span.items]
        start = _common(old, wanted)
        stop = _common(old[start:][::-1], wanted[start:][::-1])
        few = len(old) != len(wanted)
        if few and (span.flow or not self._is_first(span.begin)):
            self._replace(span, wanted, slot)
            return
        dashes = [] if span.flow else self._dashes(span)
        indent = self._column(span.begin)
        shared = min(len(old), len(wanted)) - stop
        for n in range(start, shared):
            inner = None if span.flow else Slot(dashes[n] + 1, indent, is_item=True)
            self.visit(span.items[n], wanted[n], inner, under)
        for n in range(shared, len(old) - stop):
            self.cuts.append(Cut(self._line(dashes[n]), self._next_line(span.items[n].end), ""))
        for value in wanted[shared : len(wanted) - stop]:
            last = span.items[shared - 1].end if shared else None
            at = self._line(dashes[0]) if last is None else self._next_line(last)
            self._insert(at, _item_lines(value), indent)

    def _replace(self, span: Span, wanted: Json, slot: Slot | None) -> None:
        """Write a value anew, on its line where it fits there."""
        is_word = not isinstance(wanted, dict | list) or not wanted
        in_line = isinstance(span, Leaf) and span.style not in BLOCK_STYLES
        if slot is None or (getattr(span, "flow", in_line) and (is_word or not in_line)):
            space = " " if span.begin == span.end else ""
            self.cuts.append(Cut(span.begin, span.end, space + _word(span, wanted)))
            return
        if slot.begin == TOP:
            raise NotEditable("the whole document would change")
        first, *rest = _item_lines(wanted) if slot.is_item else lines_of({"k": wanted})
        # A note behind what was on one line stays on that line.
        stop = self._end_of_line(span.end)
        note = self._text[span.end : stop].rstrip() if getattr(span, "flow", in_line) else ""
        first = first[1:].removeprefix(":") + note
        text = self._ending.join([first, *_indented(rest, slot.indent)])
        self.cuts.append(Cut(slot.begin, stop, text))

    def _insert(self, at: int, lines: Sequence[str], indent: int) -> None:
        if not lines:
            return
        text = "".join(f"{one}{self._ending}" for one in _indented(lines, indent))
        if at and self._text[at - 1] != "\n":  # the last line has no end
            text = self._ending + text.removesuffix(self._ending)
        self.cuts.append(Cut(at, at, text))

    def _after(self, one: tuple[Leaf, Span]) -> int:
        return self._next_line(max(one[0].end, one[1].end))

    def _end_of_line(self, at: int) -> int:
        end = self._text.find("\n", at)
        if end < 0:
            return len(self._text)
        return end - 1 if end > at and self._text[end - 1] == "\r" else end

    def _next_line(self, at: int) -> int:
        end = self._text.find("\n", at)
        return len(self._text) if end < 0 else end + 1

    def _line(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1

    def _column(self, at: int) -> int:
        return at - self._line(at)

    def _is_first(self, at: int) -> bool:
        """Whether nothing but space stands before it on its line."""
        return not self._text[self._line(at) : at].strip()

    def _colon(self, key: Leaf, value: Span) -> int:
        found = self._text.find(":", key.end, max(value.begin, key.end) + 1)
        if found < 0 or self._text[key.end : found].strip():
            raise NotEditable("a key is not followed by its colon")
        return found + 1

    def _dashes(self, span: Items) -> list[int]:
        column, found, before = self._column(span.begin), [], span.begin
        for item in span.items:
            line = self._line(item.begin)
            while line > before and self._text[line + column] != "-":
                line = self._line(line - 1)
            dash = max(line + column, span.begin)
            if self._text[dash] != "-" or dash < before:
                raise NotEditable("an item's dash is not where it is expected")
            found.append(dash)
            before = dash
        return found


def _word(span: Span, wanted: Json) -> str:
    """A value on one line, in the quotes that were there before."""
    if isinstance(span, Leaf) and isinstance(wanted, str):
        if span.style == "'" and wanted.isprintable():
            return "'" + wanted.replace("'", "''") + "'"
        return inline(wanted, quoted=span.style == '"')
    return inline(wanted)


def _item_lines(value: Json) -> list[str]:
    """A list's item with its dash."""
    if not isinstance(value, dict) or not value:
        return [f"- {inline(value)}"]
    first, *rest = lines_of(value)
    return [f"- {first}", *_indented(rest, 2)]


def _indented(lines: Iterable[str], indent: int) -> list[str]:
    return [" " * indent + one if one else one for one in lines]


def _common(one: Sequence[Json], other: Sequence[Json]) -> int:
    """How many items are the same at the front."""
    count = 0
    while count < min(len(one), len(other)) and is_same(one[count], other[count]):
        count += 1
    return count
