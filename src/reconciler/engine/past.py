"""The revisions that were, for surfaces; and going back to one by hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ..core.errors import Terminal
from ..core.revision import SHORT, Retreat
from ..specs.commits import Commits
from .asking import shortened
from .operator import Operator
from .plan_view import View
from .revision_view import revision_view, standing_view
from .rollout_events import revision_event
from .views import pass_view


@dataclass(slots=True)
class Past:
    """What became of each revision, and which of them is to be current."""

    operator: Operator

    def revisions(self, limit: int = 50, start: str = "") -> list[View]:
        """Newest first; only of those whose name starts so."""
        found = self.operator.stack.ledger.journal.revisions(limit, start)
        return [revision_view(one) for one in found]

    def revision(self, start: str) -> View | None:
        """The newest of that name, with the passes that belong to it; None when there is none."""
        found = self.revisions(1, start)
        if not found:
            return None
        every = self.operator.stack.ledger.journal.passes(100, str(found[0]["revision"]))
        passes = [pass_view(row) for row in every]
        began = str(found[0]["began"])
        return {**found[0], "passes": [one for one in passes if str(one["time"]) >= began]}

    async def go_back(self, word: str, *, author: str, reason: str = "") -> View:
        """Have another revision's specs in the place of HEAD's, until there is a new commit.

        Raises Terminal when there is no such revision, or nothing would be changed by it.
        """
        revisions = self.operator.stack.revisions
        await self.operator.reload()
        self.operator.reading.demand()
        to = await asyncio.to_thread(self._find, word)
        if not revisions.head:
            text = "the specs are files, not commits: there is nothing to go back to"
            raise Terminal(text, reason="NoRevisions")
        if to == self.operator.stack.ledger.revision:
            raise Terminal(f"{to[:SHORT]} is current already", reason="Refused")
        if to == revisions.head:
            return await self.undo(author=author)
        said = shortened(reason) or "by hand"
        now = self.operator.stack.clock.now()
        await self.operator.unfolding.go_back(Retreat(revisions.head, to, now, author, said))
        self.operator.wake(complete=True)
        return self._standing()

    async def undo(self, *, author: str) -> View:
        """Let HEAD be current again. Raises Terminal when it is."""
        revisions, journal = self.operator.stack.revisions, self.operator.stack.ledger.journal
        if revisions.let():
            text = f"HEAD need not wait for its window, by {author}"
        elif revisions.away is not None and revisions.forgive(revisions.head) is not None:
            text = f"HEAD counts again, by {author}"
        else:
            raise Terminal("HEAD is current: there is nothing to undo", reason="Refused")
        now, head = self.operator.stack.clock.now(), revisions.head[:SHORT]
        event = revision_event(head, "Forgiven", text)
        journal.record_events([event], now)
        journal.commit()
        await self.operator.reload()
        self.operator.wake(complete=True)
        return self._standing()

    def _standing(self) -> View:
        ledger = self.operator.stack.ledger
        return {"revision": ledger.revision, **standing_view(self.operator.stack.revisions)}

    def _find(self, word: str) -> str:
        """A name that the history knows, or that git does."""
        known = {str(one["revision"]) for one in self.revisions(1000, word)} if word else set()
        if len(known) == 1:
            return known.pop()
        return self.commits.find(word)

    @property
    def commits(self) -> Commits:
        return self.operator.commits
