"""One spec file -> its resources and problems; documents that did not change are not read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, Final, NamedTuple

from ..core.model import Need, Origin, Ref, Resource
from ..core.offer import Target
from . import nodes
from .document import Checked, Checker
from .nodes import Flaw, Limits, Mark
from .outside import Outside
from .parse import parse
from .problem import Problem, excerpt
from .text import Chunk, decode, split
from .tree import Blob

MOST_FLAWS: Final = 200
"""Of one file; what comes after them is not read, for the file is broken anyway."""


class Placed(NamedTuple):
    """One document at its place; without a resource while what it refers to is missing."""

    ref: Ref
    origin: Origin
    resource: Resource[Any] | None
    needs: tuple[Need, ...]
    targets: tuple[Target, ...] = ()


class Part(NamedTuple):
    """What one chunk of a file came to."""

    chunk: bytes
    above: int
    checked: tuple[Checked, ...]
    placed: tuple[Placed, ...]


class SpecFile(NamedTuple):
    """What one file came to. ``kept`` is what a broken file held when it was last whole."""

    digest: str
    parts: tuple[Part, ...] = ()
    problems: tuple[Problem, ...] = ()
    is_broken: bool = False
    kept: Mapping[Ref, Resource[Any]] = {}

    @property
    def placed(self) -> Iterator[Placed]:
        """Its documents, as far as they count: a broken file offers none."""
        return (one for part in self.parts if not self.is_broken for one in part.placed)

    @property
    def outside(self) -> Iterator[tuple[Path, str]]:
        """The other files it was read from, with a word for their content."""
        return (use for part in self.parts for one in part.checked for use in one.files.items())


class FileReader:
    """Reads spec files; ``parses`` counts the documents it had to parse."""

    def __init__(self, checker: Checker, outside: Outside, limits: Limits) -> None:
        self.parses = 0
        self._checker = checker
        self._outside = outside
        self._limits = limits

    def read(self, path: PurePath, blob: Blob, before: SpecFile | None) -> SpecFile:
        """The file now; ``before`` is what it was when it was last read."""
        if blob.problem:
            return _unread(path, blob, Flaw(Mark(1, 1), blob.problem), "")
        text = decode(blob.data)
        if isinstance(text, Flaw):
            return _unread(path, blob, text, blob.data.decode("utf-8", "replace"))
        chunks = list(split(text, self._limits.documents))
        if len(chunks) > self._limits.documents:
            mark = Mark(chunks[self._limits.documents].above + 1, 1)
            message = f"more than {self._limits.documents} documents in one file"
            return _unread(path, blob, Flaw(mark, message), text)
        known = {part.chunk: part for part in (before.parts if before else ())}
        parts, flaws = [], 0
        for chunk in chunks:
            parts.append(self._part(path, chunk, known.get(chunk.digest)))
            flaws += sum(not flaw.freezes for one in parts[-1].checked for flaw in one.flaws)
            if flaws > MOST_FLAWS:
                break
        return _assemble(path, blob, text, tuple(parts))

    def is_current(self, file: SpecFile) -> bool:
        """Whether the other files it was read from are still the same."""
        return all(self._outside.fingerprint(path) == word for path, word in file.outside)

    def point(self, blob: Blob, origin: Origin, word: str) -> Mark:
        """Where the document at ``origin`` says ``word``; its first line when it does not."""
        for document, above in self._documents(blob, origin):
            for scalar in _scalars(document):
                if scalar.text in {word, word.rpartition("/")[2]}:
                    return Mark(above + scalar.mark.line, scalar.mark.column)
        return Mark(origin.line, 1)

    def find(self, blob: Blob, origin: Origin, at: Iterable[str | int]) -> Mark:
        """The place ``at`` in the document at ``origin``, or as near to it as its text goes."""
        for node, above in self._documents(blob, origin):
            mark = _follow(node, at)
            return Mark(above + mark.line, mark.column)
        return Mark(origin.line, 1)

    def _documents(self, blob: Blob, origin: Origin) -> Iterator[tuple[nodes.Node, int]]:
        """The documents around ``origin``, and how many lines are above their text."""
        text = decode(blob.data)
        for chunk in split(text, self._limits.documents) if isinstance(text, str) else ():
            if chunk.above < origin.line <= chunk.above + chunk.text.count("\n") + 1:
                for document in parse(chunk.text, self._limits).documents:
                    yield document, chunk.above

    def _part(self, path: PurePath, chunk: Chunk, before: Part | None) -> Part:
        checked = before.checked if before and self._is_fresh(before) else self._check(chunk)
        if before and before.checked is checked and before.above == chunk.above:
            return before
        placed = tuple(_place(one, path, chunk.above) for one in checked if one.ref is not None)
        return Part(chunk.digest, chunk.above, checked, tuple(one for one in placed if one))

    def _is_fresh(self, part: Part) -> bool:
        return all(
            self._outside.fingerprint(path) == word
            for one in part.checked
            for path, word in one.files.items()
        )

    def _check(self, chunk: Chunk) -> tuple[Checked, ...]:
        self.parses += 1
        parsed = parse(chunk.text, self._limits)
        checked = [one for node in parsed.documents if (one := self._checker.check(node))]
        if parsed.flaws:
            checked.append(Checked(None, None, parsed.flaws, parsed.flaws[0].mark, {}))
        return tuple(checked)


def _place(one: Checked, path: PurePath, above: int) -> Placed | None:
    if one.ref is None:
        return None
    origin = Origin(path, above + one.mark.line)
    resource = replace(one.resource, origin=origin) if one.resource else None
    return Placed(one.ref, origin, resource, one.needs, one.targets)


def _assemble(path: PurePath, blob: Blob, text: str, parts: tuple[Part, ...]) -> SpecFile:
    flaws = [
        flaw._replace(mark=Mark(part.above + flaw.mark.line, flaw.mark.column))
        for part in parts
        for one in part.checked
        for flaw in one.flaws
    ]
    is_broken = any(not flaw.freezes for flaw in flaws)
    return SpecFile(blob.digest, parts, _problems(path, text, flaws), is_broken)


def _unread(path: PurePath, blob: Blob, flaw: Flaw, text: str) -> SpecFile:
    return SpecFile(blob.digest, (), _problems(path, text, [flaw]), is_broken=True)


def _problems(path: PurePath, text: str, flaws: list[Flaw]) -> tuple[Problem, ...]:
    lines = text.split("\n") if flaws else []
    return tuple(_problem(path, lines, flaw) for flaw in sorted(flaws))


def _problem(path: PurePath, lines: list[str], flaw: Flaw) -> Problem:
    shown = excerpt(lines, *flaw.mark)
    return Problem(path, *flaw.mark, flaw.message, flaw.hint, shown.text, caret=shown.caret)


def _follow(node: nodes.Node, at: Iterable[str | int]) -> Mark:
    mark = node.mark
    for part in at:
        if isinstance(node, nodes.Mapping) and part in node.entries:
            mark, node = node.entries[str(part)]
        elif isinstance(node, nodes.Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            mark = node.mark
        else:
            return mark
    return node.mark if isinstance(node, nodes.Scalar) else mark


def _scalars(node: nodes.Node) -> Iterator[nodes.Scalar]:
    """Every value of a document, the later fields first: names stand before what they need."""
    if isinstance(node, nodes.Scalar):
        yield node
    elif isinstance(node, nodes.Sequence):
        for item in node.items:
            yield from _scalars(item)
    else:
        for entry in reversed(node.entries.values()):
            yield from _scalars(entry.value)
