"""One spec file, edited document by document: all that is not meant stays byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ..core.model import Json, Ref
from .amend import NotEditable, amend, ending_of, is_same
from .nodes import USUAL, Flaw, Limits
from .parse import parse
from .spans import Fields, Leaf, Span, document_of, spans_of
from .text import decode, split
from .yaml_text import to_yaml

BOM: Final = "\ufeff"
START: Final = "---"


@dataclass(slots=True)
class _Part:
    """One chunk of a file; most hold one document, some none."""

    text: str
    documents: tuple[tuple[Ref | None, Json], ...] = ()


class Page:
    """The documents of one file. Raises NotEditable for what a person has to edit."""

    def __init__(self, data: bytes = b"", limits: Limits = USUAL) -> None:
        self._limits = limits
        self._bom = BOM if data.startswith(BOM.encode()) else ""
        self._parts = list(_parts(data, limits))
        self._ending = ending_of("".join(part.text for part in self._parts))
        self.size = len(data)
        self._places: dict[Ref, int] = {}
        for number, part in enumerate(self._parts):
            for ref, _ in part.documents:
                if ref is not None:
                    self._places[ref] = -1 if ref in self._places else number

    def __contains__(self, ref: Ref) -> bool:
        return ref in self._places

    @property
    def count(self) -> int:
        """How many documents it has."""
        return sum(len(part.documents) for part in self._parts)

    def document(self, ref: Ref) -> Json:
        """A document as it is written."""
        every = (one for part in self._parts for one in part.documents)
        return next(said for one, said in every if one == ref)

    def put(self, ref: Ref, document: Mapping[str, Json]) -> None:
        """Make a document say this: the lines that differ change, or it is added at the end."""
        if ref not in self:
            self._append(ref, document)
            return
        part = self._part(ref)
        before = len(part.text)
        (span,) = spans_of(part.text)
        part.text = amend(part.text, span, document)
        part.documents = ((ref, document),)
        self.size += len(part.text) - before

    def drop(self, ref: Ref) -> None:
        """Take a document out; comments that are not its own stay."""
        part = self._part(ref)
        before = len(part.text)
        (span,) = spans_of(part.text)
        part.text, part.documents = _without(part.text, span), ()
        self.size += len(part.text) - before
        del self._places[ref]

    def data(self) -> bytes | None:
        """The file as it is now, proven to say what it should; None when nothing is left of it."""
        text = "".join(part.text for part in self._parts)
        if not text.replace(START, "").strip():
            return None
        data = (self._bom + text).encode()
        wanted = [one for part in self._parts for one in part.documents]
        found = [one for part in _parts(data, self._limits) for one in part.documents]
        if not is_same([list(one) for one in wanted], [list(one) for one in found]):
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
        self._parts.append(_Part(text, ((ref, dict(document)),)))
        self.size += len(text)


def _parts(data: bytes, limits: Limits) -> Iterator[_Part]:
    text = decode(data)
    if isinstance(text, Flaw):
        raise NotEditable(text.message)
    for chunk in split(text, limits.documents) if text else ():
        if flaws := parse(chunk.text, limits).flaws:
            line = chunk.above + flaws[0].mark.line
            raise NotEditable(f"line {line} has a mistake: {flaws[0].message}")
        spans = [span for span in spans_of(chunk.text) if not _is_nothing(span)]
        yield _Part(chunk.text, tuple((_ref(span), document_of(span)) for span in spans))


def _is_nothing(span: Span) -> bool:
    return isinstance(span, Leaf) and not span.style and not span.text


def _ref(span: Span) -> Ref | None:
    kind = span.fields.get("kind") if isinstance(span, Fields) else None
    about = span.fields.get("metadata") if isinstance(span, Fields) else None
    if kind is None or about is None or not isinstance(about.value, Fields):
        return None
    name = about.value.fields.get("name")
    if name is None or not (isinstance(kind.value, Leaf) and isinstance(name.value, Leaf)):
        return None
    return Ref(kind.value.text, name.value.text)


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
