"""One spec file, edited document by document: all that is not meant stays byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ..core.model import Json, Ref
from . import nodes
from .amend import NotEditable, amend, ending_of, is_same
from .nodes import USUAL, Flaw, Limits, Node, Scalar
from .parse import parse
from .spans import Span, document_of, spans_of
from .text import Chunk, decode, split
from .yaml_text import to_yaml

BOM: Final = "\ufeff"
START: Final = "---"


@dataclass(slots=True)
class _Part:
    """One chunk of a file, with at most one document; ``wanted`` is what it was made to say."""

    text: str
    ref: Ref | None = None
    wanted: Json = None

    @property
    def said(self) -> Json:
        return self.wanted or document_of(spans_of(self.text)[0])


class Page:
    """The documents of one file. Raises NotEditable for what a person has to edit.

    ``known`` says of chunks that were read before, by their digests, what they are about.
    """

    def __init__(
        self,
        data: bytes = b"",
        limits: Limits = USUAL,
        known: Mapping[bytes, Ref | None] | None = None,
    ) -> None:
        self._limits = limits
        self._bom = BOM if data.startswith(BOM.encode()) else ""
        self._known = dict(known or {})
        self._parts = [_Part(chunk.text, ref) for chunk, ref in self._chunks(data)]
        self._ending = ending_of("".join(part.text for part in self._parts))
        self._places: dict[Ref, int] = {}
        for number, part in enumerate(self._parts):
            if part.ref is not None:
                self._places[part.ref] = -1 if part.ref in self._places else number
        self.size = len(data)

    def __contains__(self, ref: Ref) -> bool:
        return ref in self._places

    @property
    def count(self) -> int:
        """How many documents it has."""
        return len(self._places)

    def document(self, ref: Ref) -> Json:
        """A document as it is written."""
        place = self._places[ref]
        every = self._parts if place < 0 else self._parts[place : place + 1]
        return next(part.said for part in every if part.ref == ref)

    def put(self, ref: Ref, document: Mapping[str, Json]) -> None:
        """Make a document say this: the lines that differ change, or it is added at the end."""
        if ref not in self:
            self._append(ref, document)
            return
        part = self._part(ref)
        before = len(part.text)
        part.text = amend(part.text, spans_of(part.text)[0], document)
        part.wanted = document
        self.size += len(part.text) - before

    def drop(self, ref: Ref) -> None:
        """Take a document out; comments that are not its own stay."""
        part = self._part(ref)
        before = len(part.text)
        part.text = _without(part.text, spans_of(part.text)[0])
        part.ref = part.wanted = None
        self.size += len(part.text) - before
        del self._places[ref]

    def data(self) -> bytes | None:
        """The file as it is now, proven to say what it should; None when nothing is left of it."""
        text = "".join(part.text for part in self._parts)
        if not text.replace(START, "").strip():
            return None
        data = (self._bom + text).encode()
        wanted = [part for part in self._parts if part.ref is not None]
        found = [(chunk.text, ref) for chunk, ref in self._chunks(data) if ref is not None]
        if [part.ref for part in wanted] != [ref for _, ref in found] or not all(
            _says(text, part) for part, (text, _) in zip(wanted, found, strict=True)
        ):
            raise NotEditable("it is written in a way that cannot be changed in place")
        return data

    def _part(self, ref: Ref) -> _Part:
        place = self._places[ref]
        if place < 0:
            raise NotEditable(f"{ref} is written twice")
        return self._parts[place]

    def _append(self, ref: Ref, document: Mapping[str, Json]) -> None:
        text = to_yaml([document]).replace("\n", self._ending)
        if self._parts and not self._parts[-1].text.endswith("\n"):
            self._parts[-1].text += self._ending
        if self.count:
            text = f"{START}{self._ending}{text}"
        self._places[ref] = len(self._parts)
        self._parts.append(_Part(text, ref, dict(document)))
        self.size += len(text)

    def _chunks(self, data: bytes) -> Iterator[tuple[Chunk, Ref | None]]:
        """The chunks of a file, each with what it is about; what was read once is known."""
        text = decode(data)
        if isinstance(text, Flaw):
            raise NotEditable(text.message)
        for chunk in split(text, self._limits.documents) if text else ():
            if chunk.digest not in self._known:
                self._known[chunk.digest] = _ref(chunk, self._limits)
            yield chunk, self._known[chunk.digest]


def _says(text: str, part: _Part) -> bool:
    if part.wanted is None and text == part.text:
        return True
    return is_same(document_of(spans_of(text)[0]), part.said)


def _ref(chunk: Chunk, limits: Limits) -> Ref | None:
    """What the document of a chunk is about; None when there is none, or nobody can tell."""
    parsed = parse(chunk.text, limits)
    if parsed.flaws:
        line = chunk.above + parsed.flaws[0].mark.line
        raise NotEditable(f"line {line} has a mistake: {parsed.flaws[0].message}")
    for node in parsed.documents:
        kind, about = entry_of(node, "kind"), entry_of(node, "metadata")
        name = entry_of(about, "name")
        if isinstance(kind, Scalar) and isinstance(name, Scalar):
            return Ref(kind.text, name.text)
    return None


def entry_of(node: Node | None, key: str) -> Node | None:
    """What stands in a mapping under ``key``."""
    found = node.entries.get(key) if isinstance(node, nodes.Mapping) else None
    return found.value if found else None


def _without(text: str, span: Span) -> str:
    """What is left of a chunk: a note at the head of the file, notes below the document."""
    head = "" if text.startswith(START) else _upto_blank(text[: span.begin])
    end = text.find("\n", span.end)
    tail = "" if end < 0 else text[end + 1 :]
    return head + (tail if "#" in tail else "")


def _upto_blank(head: str) -> str:
    """The notes before the last empty line; those after it speak of the document."""
    lines = head.splitlines(keepends=True)
    while lines and lines[-1].strip():
        lines.pop()
    return "".join(lines)
