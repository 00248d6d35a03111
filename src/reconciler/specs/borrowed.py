"""Keeps what variables stand for beside the spec files, and out of their way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from ..core.kind import Kinds
from .environment import Environment, Said
from .files import Placed, SpecFile
from .problem import Problem
from .shelf import Shelf
from .tree import Blob, blob

TARGET = "SyncTarget"


class Borrowed:
    """The resources of variables, as files of which each is named after one."""

    def __init__(self, kinds: Kinds, environ: Mapping[str, str]) -> None:
        spec = kinds[TARGET].Spec if TARGET in kinds else None
        self._environment = Environment(environ)
        self._is_used = spec is not None and self._environment.is_used
        self.now: Mapping[str, Said] = {}

    def look(self, shelf: Shelf) -> bool:
        """See what no file speaks of; says whether that is something else than before."""
        if not self._is_used:
            return False
        written = {ref for ref, on in shelf.written.items() if any(map(_is_file, on))}
        kept = [ref for file in shelf.faulty.values() for ref in file.kept]
        found = self._environment.files({*written, *kept}, self._paths(shelf))
        changed, self.now = found != self.now, found
        return changed

    def blobs(self) -> dict[str, Blob]:
        """The same as files."""
        return {name: blob(said.data) for name, said in self.now.items()}

    def place(self, name: str, file: SpecFile) -> SpecFile:
        """A file of these, with each fault at the variable it comes from."""
        said = self.now[name]
        problems = tuple(_at_variable(one, said) for one in file.problems)
        return file._replace(problems=problems)

    def _paths(self, shelf: Shelf) -> set[str]:
        """The paths that files keep already."""
        good = [one for one in shelf.good.values() if one.origin.path.suffix]
        good += [one for file in shelf.faulty.values() for one in file.kept.values()]
        return {one.spec.path.rstrip("/") for one in good if one.ref.kind == TARGET}


def _is_file(placed: Placed) -> bool:
    return bool(placed.origin.path.suffix)


def _at_variable(problem: Problem, said: Said) -> Problem:
    where = PurePath(said.variable(problem.line))
    return problem._replace(path=where, line=0, column=0, excerpt="")
