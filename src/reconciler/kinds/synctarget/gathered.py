"""What shall lie at a place, what does, and what has to be brought for that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ...clients.git_objects import TREE, Entry
from ...core.errors import Terminal
from .large.download import Downloads
from .place import Place
from .vet import Listing


class Gathered(NamedTuple):
    """``given`` is what comes from the version that is restored; the rest stays as it is."""

    wanted: Listing
    here: Listing
    missing: Listing
    given: Listing
    large: Downloads
    whole: bool = True

    @classmethod
    def of(
        cls,
        given: Listing,
        here: Listing,
        *,
        place: Place,
        large: Downloads,
        paths: tuple[str, ...] = (),
    ) -> Gathered:
        """All of a version in place of all that lies there, or only some paths of it."""
        missing = {
            path: entry
            for path, entry in given.items()
            if entry.mode != TREE and here.get(path) != entry and not place.excluded(path)
        }
        if not paths:
            return cls(given, here, missing, given, large)
        kept = {path: entry for path, entry in here.items() if not _is_in(path, paths)}
        return cls({**kept, **given}, here, missing, given, large, whole=False)

    @property
    def replaces(self) -> bool:
        """Whether anything live has to move."""
        extra = (p for p, e in self.here.items() if e.mode != TREE and self.wanted.get(p) != e)
        return bool(self.missing) or any(True for _ in extra)


def chosen(listed: Mapping[str, Entry], paths: Iterable[str]) -> dict[str, Entry]:
    """The named paths with all below them, and the folders above; all where none is named.

    Raises Terminal when one is not there.
    """
    paths = tuple(paths)
    for path in paths:
        if path not in listed:
            raise Terminal(f"that version has no {path}", reason="NotFound")
    if not paths:
        return dict(listed)
    above = {path[:at] for path in paths for at, mark in enumerate(path) if mark == "/"}
    return {path: e for path, e in listed.items() if path in above or _is_in(path, paths)}


def _is_in(path: str, tops: Iterable[str]) -> bool:
    return any(path == top or path.startswith(f"{top}/") for top in tops)
