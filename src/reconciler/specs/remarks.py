"""What kinds say about all resources together, put where it is written."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from ..core.kind import Kinds
from ..core.model import Origin, Ref, Resource
from ..core.remark import Remark
from ..core.usual import nothing_to_say
from .files import FileReader, Placed
from .links import Hold
from .nodes import Mark
from .problem import Excerpt, Problem, Severity, excerpt
from .tree import Blob, Tree

MOST: Final = 200
"""Of what is said that is shown in its place."""

Resources = Mapping[Ref, Resource[Any]]


class Proof(NamedTuple):
    """Tests in the specs that fail; ``unproven``: the kinds they are about, and how."""

    problems: tuple[Problem, ...] = ()
    unproven: Mapping[str, str] = {}


class Reviewed(NamedTuple):
    """What is odd about some resources, by their names."""

    resources: Resources | None = None
    warnings: Mapping[Ref, tuple[Problem, ...]] = {}


class Places(NamedTuple):
    """Where resources are written."""

    resources: Resources
    tree: Tree
    reader: FileReader

    def put(self, remarks: Iterable[Remark], severity: Severity) -> Iterator[Problem]:
        """Each remark at its place."""
        for remark in remarks:
            origin = self.resources[remark.ref].origin
            blob, line, mark = self._start(origin)
            if blob is not None:
                mark = self.reader.find(blob, origin, remark.at)
                line = shown(blob, mark)
            yield Problem(
                origin.path, *mark, remark.message, remark.hint, line.text, severity, line.caret
            )

    def held(
        self, holds: Iterable[Hold], written: Mapping[Ref, Sequence[Placed]]
    ) -> Iterator[Problem]:
        """What holds resources back, each where it is written."""
        for hold in holds:
            origin = written[hold.refs[0]][-1].origin
            blob, line, mark = self._start(origin)
            if blob is not None:
                mark = self.reader.point(blob, origin, hold.word)
                line = shown(blob, mark)
            yield Problem(origin.path, *mark, hold.message, hold.hint, line.text, caret=line.caret)

    def _start(self, origin: Origin) -> tuple[Blob | None, Excerpt, Mark]:
        """The file of a resource, and its first line; a variable has neither."""
        blob = self.tree.files.get(str(origin.path))
        return blob, Excerpt(), Mark(origin.line, 1) if origin.path.suffix else Mark(0, 0)


def shown(blob: Blob, mark: Mark) -> Excerpt:
    """The line of a file as people may see it."""
    return excerpt(blob.data.decode("utf-8", "replace").split("\n"), *mark)


def prove(kinds: Kinds, places: Places, there: Container[str]) -> Proof:
    """Run the tests that are written in the specs; ``there`` are the kinds of which any is."""
    problems: list[Problem] = []
    unproven = {}
    for kind in kinds.values():
        if kind.prove is nothing_to_say or kind.name not in there:
            continue
        if not (remarks := [*kind.prove(places.resources)]):
            continue
        found = [*places.put(remarks[:MOST], Severity.ERROR)]
        problems += found
        more = f" (and {len(remarks) - 1} more)" if len(remarks) > 1 else ""
        unproven[kind.name] = f"{found[0]}{more}"
    return Proof(tuple(problems), unproven)


def review(kinds: Kinds, resources: Resources) -> list[Remark]:
    """What is odd about the resources; may take a while for thousands."""
    said = (remark for kind in kinds.values() for remark in kind.review(resources))
    return [*islice(said, MOST)]


def as_warnings(remarks: Sequence[Remark], places: Places) -> Reviewed:
    """The same in their places."""
    found: dict[Ref, tuple[Problem, ...]] = {}
    for remark, problem in zip(remarks, places.put(remarks, Severity.WARNING), strict=True):
        found[remark.ref] = (*found.get(remark.ref, ()), problem)
    return Reviewed(places.resources, found)
