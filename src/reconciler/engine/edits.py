"""How often each resource was edited, and which edit was last seen in the world."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..core.kind import Kinds
from ..core.model import Ref, Resource
from .journal import Journal, Known

ENDING: Final = frozenset({"started", "restored"})
"""Fields of a state that do not outlive the stack."""

ASKED: Final = "~"
"""Ends the mark of what was in sync but for what is asked for the moment."""


class Edits:
    """Generations, counted from 1, kept in the journal so that a new operator counts on."""

    def __init__(self, kinds: Kinds, journal: Journal, *, stack_start: str = "") -> None:
        self._ending = {
            name for name, kind in kinds.items() if not ENDING.isdisjoint(kind.State.model_fields)
        }
        self._journal = journal
        self._stack_start = stack_start
        self._known = journal.known()
        self._is_tidy = False
        """Whether all that is known was wanted at the last call."""
        self.applied: dict[Ref, str] = {}
        """Digest of the specs that were last in sync, of those that have not been edited since."""
        self._judge(self._known)

    def count(
        self, desired: Mapping[Ref, Resource[Any]], edited: Iterable[Ref], *, whole: bool
    ) -> set[Ref]:
        """Take in resources as they are now; returns those that are gone for good.

        ``edited`` are all that may be other ones than at the last call.
        """
        fresh: dict[Ref, Known] = {}
        for ref in edited:
            resource, known = desired.get(ref), self._known.get(ref)
            if resource is None:
                continue
            if known is None:
                fresh[ref] = Known(resource.digest, 1, "")
            elif known.digest != resource.digest:
                fresh[ref] = Known(resource.digest, known.generation + 1, known.applied)
        gone = self._gone(desired, edited) if whole else set()
        self._is_tidy = whole
        for ref in gone:
            del self._known[ref]
            self.applied.pop(ref, None)
        self._take(fresh, gone)
        return gone

    def _gone(self, desired: Mapping[Ref, Resource[Any]], edited: Iterable[Ref]) -> set[Ref]:
        """Those that are known and not wanted; where all known were wanted, one was edited."""
        if not self._is_tidy:
            return self._known.keys() - desired.keys()
        return {ref for ref in edited if ref not in desired and ref in self._known}

    def generation(self, ref: Ref) -> int:
        """How often this resource was edited, counted from 1."""
        known = self._known.get(ref)
        return 1 if known is None else known.generation

    def observed_generation(self, ref: Ref) -> int:
        """The generation that is known to be in the world; 0 when none is yet."""
        known = self._known.get(ref)
        if known is None:
            return 0
        seen = known.applied.removesuffix(ASKED) == self._mark(ref, known.digest)
        return known.generation if seen else known.generation - 1

    def settle(self, refs: Iterable[Ref], *, asked: bool = False) -> None:
        """These are in the world as their specs want them, or but for what is ``asked``."""
        marks = {
            ref: known._replace(applied=self._mark(ref, known.digest) + (ASKED if asked else ""))
            for ref in refs
            if (known := self._known.get(ref)) is not None
        }
        self._take({ref: known for ref, known in marks.items() if known != self._known[ref]})

    def unsettle(self, refs: Iterable[Ref]) -> None:
        """These are asked to differ from their specs: neither that nor its end is drift."""
        self._take(
            {
                ref: self._known[ref]._replace(applied=self._known[ref].applied + ASKED)
                for ref in refs
                if ref in self.applied
            }
        )

    def _take(self, fresh: Mapping[Ref, Known], gone: Iterable[Ref] = ()) -> None:
        self._known.update(fresh)
        self._judge(fresh)
        self._journal.remember(fresh, gone)

    def _judge(self, some: Mapping[Ref, Known]) -> None:
        for ref, known in some.items():
            if known.applied == self._mark(ref, known.digest):
                self.applied[ref] = known.digest
            else:
                self.applied.pop(ref, None)

    def _mark(self, ref: Ref, digest: str) -> str:
        """Says that this content was in sync, for what ends with the stack: in which start of it.

        To be down after the stack was started anew is nobody's change.
        """
        return f"{digest}@{self._stack_start}" if ref.kind in self._ending else digest
