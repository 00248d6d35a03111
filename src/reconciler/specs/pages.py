"""The files that one edit touches, opened as they are needed."""

from __future__ import annotations

from typing import Final

from ..core.errors import Terminal
from ..core.model import Json, Ref
from .amend import NotEditable, is_same
from .edit import Page
from .load import Loader
from .tree import display, is_spec

SHARE: Final = 2
"""A file that new documents go to is filled to the half, so that a person can still add to it."""
MANY: Final = 2000
"""Documents in one file, when there is a choice."""


class Pages:
    """Some files of the spec folder called ``folder``; ``home`` is where new documents go."""

    def __init__(self, loader: Loader, folder: str, home: str = "") -> None:
        self._open: dict[str, Page] = {}
        self._loader = loader
        self._folder = folder
        self._home = home
        self._homes: dict[str, dict[Ref, str]] = {}

    def document(self, ref: Ref) -> Json:
        """What is written for a resource, as it is written; None when nothing is."""
        name = self._written(ref)
        return None if name is None else self._page(name).document(ref)

    def change(self, ref: Ref, document: Json) -> bool:
        """Make one document say so; whether it said anything else. Raises Terminal."""
        name = self._written(ref)
        if name is None and document is None:
            return False
        page = self._page(name or self._room())
        try:
            if document is None:
                page.drop(ref)
            elif ref in page and is_same(page.document(ref), document):
                return False
            else:
                page.put(ref, document)
        except NotEditable as exc:
            raise _by_hand(name or self._home, exc) from exc
        return True

    def before(self, name: str) -> bytes | None:
        """A file before the edit."""
        blob = self._loader.tree.files.get(name)
        return None if blob is None else blob.data

    def files(self) -> dict[str, bytes | None]:
        """The files that differ now; None: nothing is left of it."""
        now = {name: _data(name, page) for name, page in self._open.items()}
        return {name: data for name, data in now.items() if data != self.before(name)}

    def _written(self, ref: Ref) -> str | None:
        if ref.kind not in self._homes:
            self._homes[ref.kind] = self._loader.written(ref.kind)
        return self._homes[ref.kind].get(ref) or self._in_broken(ref)

    def _in_broken(self, ref: Ref) -> str | None:
        """The file with mistakes that holds it: to be written a second time elsewhere is worse."""
        for path in sorted(self._loader.last.broken):
            if path.suffix and ref in self._page(str(path)):
                return str(path)
        return None

    def _page(self, name: str) -> Page:
        if name not in self._open:
            self._open[name] = self._opened(name)
        return self._open[name]

    def _opened(self, name: str) -> Page:
        below = name.removeprefix(f"{self._folder}/")
        strange = below == name or not is_spec(below) or display(name) != name
        if strange or ".." in name.split("/"):
            raise Terminal(f"{name!r} is no name of a spec file", reason="NotEditable")
        blob = self._loader.tree.files.get(name)
        if blob is not None and blob.problem:
            raise _by_hand(name, NotEditable(blob.problem))
        try:
            known = self._loader.chunks(name)
            return Page(b"" if blob is None else blob.data, self._loader.limits, known)
        except NotEditable as exc:
            raise _by_hand(name, exc) from exc

    def _room(self) -> str:
        """The first file of the home's name, or of this name and a number, that has room."""
        stem, dot, suffix = self._home.rpartition(".")
        number, name = 1, self._home
        while not self._has_room(name):
            number += 1
            name = f"{stem}-{number}{dot}{suffix}"
        return name

    def _has_room(self, name: str) -> bool:
        page = self._page(name)
        return page.size < self._loader.limits.file_bytes // SHARE and page.count < MANY


def _data(name: str, page: Page) -> bytes | None:
    try:
        return page.data()
    except NotEditable as exc:
        raise _by_hand(name, exc) from exc


def _by_hand(name: str, why: NotEditable) -> Terminal:
    return Terminal(f"{name}: {why}; edit this file by hand", reason="NotEditable")
