"""Paths of the operator's own: no route is ever asked about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from ...core.own_paths import BELOW, EXACT
from .matching import Match
from .paths import normalise


class Reserved(NamedTuple):
    """Where the operator's paths are; a Gateway may move them or switch them off."""

    exact: frozenset[str] = frozenset(EXACT)
    below: tuple[str, ...] = BELOW

    def has(self, path: str) -> bool:
        """Whether a request for this path is the operator's."""
        return path in self.exact or path.startswith(self.below)

    def takes(self, match: Match) -> str:
        """The path of a route that only asks for what is the operator's; empty for any other."""
        for path, is_whole in ((match.path_equal, True), (match.path_prefix, False)):
            if path is None:
                continue
            if normalise(path).startswith(self.below) or (
                is_whole and normalise(path) in self.exact
            ):
                return path
        return ""


USUAL: Final = Reserved()


def arranged(wishes: Mapping[str, str | Literal[False]]) -> Reserved:
    """They are where a Gateway wants them: a new place for some, or False."""
    exact = (place for own in EXACT if (place := wishes.get(own, own)))
    below = (place for own in BELOW if (place := wishes.get(own, own)))
    return Reserved(frozenset(exact), tuple(below))
