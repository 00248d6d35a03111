"""YAML text -> nodes that know their line and column; whatever the text, flaws and no exception.

Documents are YAML 1.2 (core schema): ``NO`` and ``22:22`` are text, ``010`` is ten. Anchors,
aliases, tags and merge keys are refused, so the work grows with the length of the text only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn

import yaml
from yaml.cyaml import CSafeLoader
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from .nodes import START, Entry, Flaw, Limits, Mapping, Mark, Node, Scalar, Sequence

_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)
_PLAIN_WORDS: Final = {
    "mapping values are not allowed in this context": 'a ":" is not expected here',
    "found character that cannot start any token": "a value cannot start with this character",
    "could not find expected ':'": 'expected a ":" after the key',
    "did not find expected key": "expected a key here",
    "did not find expected '-' indicator": 'expected a "-" here',
}
_OPENED: Final = {
    "while parsing a flow sequence": 'this "[" is never closed',
    "while parsing a flow mapping": 'this "{" is never closed',
    "while scanning a quoted scalar": "this quote is never closed",
}
_HINTS: Final = {
    "mapping values are not allowed in this context": "quote values that hold a colon and a space",
    "found character that cannot start any token": "indent with spaces, and quote values that "
    "start with @, ` or %",
    "could not find expected ':'": "check the indentation, or quote the value",
    "did not find expected key": "check the indentation of this line and the one before",
    "did not find expected '-' indicator": "check the indentation of this line",
}


class Parsed(NamedTuple):
    """The documents of a text, and what kept it from being read."""

    documents: tuple[Node, ...]
    flaws: tuple[Flaw, ...]


class Refused(Exception):  # noqa: N818 - it ends the reading of one text and never leaves here
    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


class Unclosed(Refused):
    """The text ends inside brackets; who has read them knows which."""


def parse(text: str, limits: Limits) -> Parsed:
    """Every document of ``text``. Never raises; the same text gives the same answer."""
    directive = _DIRECTIVE.search(text) if "%" in text else None
    if directive:
        line = text.count("\n", 0, directive.start()) + 1
        message = "a line cannot start with % (YAML directives are not supported)"
        return Parsed((), (Flaw(Mark(line, 1), message),))
    builder = _Builder(limits)
    try:
        builder.build(text)
    except Refused as refusal:
        return Parsed((), (*builder.flaws, refusal.flaw))
    return Parsed(tuple(builder.documents), tuple(builder.flaws))


def events(text: str) -> Iterator[Event]:
    """The one door to the YAML library."""
    loader = CSafeLoader(text)
    try:
        while (event := loader.get_event()) is not None:
            yield event
    except yaml.MarkedYAMLError as exc:
        raise _refusal(exc, text) from exc
    except (yaml.YAMLError, ValueError) as exc:
        raise Refused(Flaw(Mark(1, 1), f"not readable as YAML: {exc}")) from exc
    finally:
        loader.dispose()


def _refusal(exc: yaml.MarkedYAMLError, text: str) -> Refused:
    place: Any = exc.problem_mark or exc.context_mark
    mark = Mark(place.line + 1, place.column + 1) if place else START
    *above, last = text.rstrip().split("\n")
    if mark.line <= len(above) + 1:
        return Refused(_say(exc, mark))
    if exc.context in _OPENED and exc.context_mark:
        begin: Any = exc.context_mark
        return Refused(Flaw(Mark(begin.line + 1, begin.column + 1), _OPENED[exc.context]))
    flaw = _say(exc, Mark(len(above) + 1, len(last) + 1))  # nobody could be shown a line behind it
    return Unclosed(flaw) if exc.context == "while parsing a flow node" else Refused(flaw)


def _say(exc: yaml.MarkedYAMLError, mark: Mark) -> Flaw:
    said = exc.problem or "not readable as YAML"
    message = _PLAIN_WORDS.get(said, said)
    opened: Any = exc.context_mark
    if opened and exc.context and opened.line + 1 != mark.line and said not in _PLAIN_WORDS:
        message += f" ({exc.context} that starts at line {opened.line + 1})"
    return Flaw(mark, message, _HINTS.get(said, ""))


@dataclass(slots=True)
class _Open:
    """A mapping or sequence whose end was not read yet; a mapping may wait for a value."""

    node: Sequence | Mapping
    key: str | None = None
    key_mark: Mark = START


class _Builder:
    def __init__(self, limits: Limits) -> None:
        self.documents: list[Node] = []
        self.flaws: list[Flaw] = []
        self._limits = limits
        self._stack: list[_Open] = []
        self._count = 0

    def build(self, text: str) -> None:
        try:
            self._build(text)
        except Unclosed:
            node = self._stack[-1].node
            which = "mapping" if isinstance(node, Mapping) else "sequence"
            self._refuse(node.mark, _OPENED[f"while parsing a flow {which}"])

    def _build(self, text: str) -> None:
        for event in events(text):
            if isinstance(event, NodeEvent):
                self._take(event)
            elif isinstance(event, DocumentEndEvent):
                self._count = 0
            elif self._stack:
                done = self._stack.pop().node
                if not self._stack:
                    self.documents.append(done)

    def _take(self, event: NodeEvent) -> None:
        begin: Any = event.start_mark
        mark = Mark(begin.line + 1, begin.column + 1)
        self._count += 1
        if self._count > self._limits.nodes:
            self._refuse(mark, f"more than {self._limits.nodes} keys and values in one document")
        node = self._node(event, mark)
        if self._stack:
            self._attach(node)
        if not isinstance(node, Scalar):
            self._open(node)
        elif not self._stack:
            self.documents.append(node)

    def _node(self, event: Any, mark: Mark) -> Node:
        if isinstance(event, AliasEvent):
            self._flaw(mark, "aliases (*name) are not supported", "write the value out")
            return Scalar(mark, "", plain=True)
        if event.anchor is not None:
            self._flaw(mark, "anchors (&name) are not supported", "write the value out")
        if event.tag is not None:
            self._flaw(mark, "tags (!name) are not supported", "quote the value to make it text")
        if not isinstance(event, ScalarEvent):
            return Mapping(mark) if isinstance(event, MappingStartEvent) else Sequence(mark)
        text: str = event.value
        if len(text) > self._limits.scalar:
            self._refuse(mark, f"a value longer than {self._limits.scalar} characters")
        if "\0" in text:
            self._flaw(mark, "the NUL character is not allowed")
            text = text.replace("\0", "")
        return Scalar(mark, text, not event.style)

    def _open(self, node: Sequence | Mapping) -> None:
        if len(self._stack) >= self._limits.depth:
            self._refuse(node.mark, f"nested deeper than {self._limits.depth} levels")
        self._stack.append(_Open(node))

    def _attach(self, node: Node) -> None:
        top = self._stack[-1]
        if isinstance(top.node, Sequence):
            top.node.items.append(node)
        elif top.key is None:
            top.key, top.key_mark = self._key(node), node.mark
        else:
            self._enter(top, node)

    def _key(self, node: Node) -> str:
        if not isinstance(node, Scalar):
            self._refuse(node.mark, "a key must be text", "quote a value that starts with { or [")
        if node.plain and node.text == "<<":
            self._flaw(node.mark, "merge keys (<<) are not supported", "write the fields out")
        return node.text

    def _enter(self, top: _Open, value: Node) -> None:
        key, top.key = top.key, None
        if not isinstance(top.node, Mapping) or key is None:
            return
        first = top.node.entries.get(key)
        if first is None:
            top.node.entries[key] = Entry(top.key_mark, value)
        else:
            above = top.key_mark.line - first.key.line
            where = f"{above} line{'s' * (above > 1)} above" if above else "on the same line"
            self._flaw(top.key_mark, f'duplicate key "{key[:60]}"', f"the first one is {where}")

    def _flaw(self, mark: Mark, message: str, hint: str = "") -> None:
        if len(self.flaws) >= self._limits.flaws:
            raise Refused(Flaw(mark, "too many mistakes; the rest of this document was not read"))
        self.flaws.append(Flaw(mark, message, hint))

    def _refuse(self, mark: Mark, message: str, hint: str = "") -> NoReturn:
        raise Refused(Flaw(mark, message, hint))
