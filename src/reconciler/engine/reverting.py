"""Undoes on the branch what was taken back here, where the Stack asks for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from ..clients.git_objects import Entry
from ..clients.git_transfer import Moved
from ..clients.git_undo import Undo
from ..core.backoff import Backoff
from ..core.errors import ReconcileError, Terminal
from ..core.model import Json
from ..core.revision import SHORT, Retreat
from ..core.undoing import undo_message
from ..kinds.stack.source import Source
from ..specs.commits import Commits
from ..specs.remote import Followed
from .found_out import read_note, write_note
from .look import Stack
from .rollout_events import revision_event
from .sourcing import Sourcing
from .standing import stack_of

log = logging.getLogger(__name__)

BACKOFF: Final = Backoff(5.0, 300.0)
BRANCH: Final = "refs/heads/"
CALM: Final = frozenset({"Reverted", "BranchMoved", "NothingToUndo"})
"""Reasons after which nothing is left to be done."""
OVER: Final = frozenset({"IsRevert"})
"""Reasons that no other try takes away, only a person."""


class Wanted(NamedTuple):
    """What is to be undone, and where."""

    order: Source
    away: Retreat


@dataclass(slots=True)
class Reverting:
    """Pushes one commit for a revision that went back by itself, and says how that goes.

    What is to be done follows from the quarantine and from the branch: an operator that was killed
    makes the same commit again, and finds it where it was pushed already.
    """

    stack: Stack
    followed: Followed
    sourcing: Sourcing
    commits: Commits
    note: Path
    wake: Callable[[], None] = lambda: None
    _bell: asyncio.Event = field(default_factory=asyncio.Event)
    _facts: dict[str, Json] = field(default_factory=dict)
    _failures: int = 0

    def __post_init__(self) -> None:
        self._facts = read_note(self.note)

    def view(self) -> dict[str, Json]:
        """How it went last; empty where nothing was to be undone."""
        return dict(self._facts)

    def poke(self) -> None:
        """Another revision is current, or another Stack is in force."""
        self._bell.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                after = await self.look()
            except Exception:  # a fault of ours here must not end what runs
                log.exception("undoing what was taken back failed")
                after = BACKOFF.longest
            with suppress(TimeoutError):
                async with asyncio.timeout(after):
                    await self._bell.wait()
            self._bell.clear()

    async def look(self) -> float | None:
        """Do what is to be done; the seconds until another look, None where news call for it."""
        wanted = self._wanted()
        if wanted is None:
            self._forget()
            return None
        order, away = wanted
        tip = self._tip(order)
        if tip is None:
            return BACKOFF.delay(1)
        if tip == away.undone:
            return None
        if tip != away.commit:
            return self._stay(wanted, tip)
        try:
            if not await self._undo(wanted):
                return 0.0
        except Moved:
            self.sourcing.poke()
            return self._stay(wanted, "")
        except ReconcileError as exc:
            self._failures += 1
            name = order.ref.removeprefix(BRANCH)
            text = f"the commit that undoes {away.commit[:SHORT]} is not on {name}: {exc}"
            self._say(away, exc.reason, text)
            return None if exc.reason in OVER else BACKOFF.delay(self._failures)
        self._failures = 0
        self.sourcing.poke()
        return None

    def _wanted(self) -> Wanted | None:
        order, away = self.followed.order, self.stack.revisions.away
        if order is None or away is None:
            return None
        return Wanted(order, away) if self._is_asked() and not away.author else None

    def _is_asked(self) -> bool:
        spec, order = stack_of(self.stack.ledger), self.followed.order
        if spec is None or order is None or not order.ref.startswith(BRANCH):
            return False
        return spec.auto_revert.enabled and spec.auto_revert.commit

    def _tip(self, order: Source) -> str | None:
        """Where the branch was seen last; None when that is not known."""
        seen = self.sourcing.view()
        is_it = (seen.get("url"), seen.get("ref")) == (order.url, order.ref)
        return str(seen["tip"]) if is_it and seen.get("tip") else None

    def _stay(self, wanted: Wanted, tip: str) -> float:
        """Somebody has pushed since: what they want counts, and nothing of ours."""
        name, away = wanted.order.ref.removeprefix(BRANCH), wanted.away
        to = f" to {tip[:SHORT]}" if tip else ""
        text = f"{name} has moved on from {away.commit[:SHORT]}{to} meanwhile: nothing was pushed"
        if self._facts.get("reason") != "BranchMoved" or self._facts.get("undoes") != away.commit:
            self._say(away, "BranchMoved", text)
        return wanted.order.interval

    async def _undo(self, wanted: Wanted) -> bool:
        """Make the commit, write down which it is, push it; False when nobody wants it now."""
        order, away = wanted
        made = await self._make(wanted)
        if made is None:
            text = f"{away.commit[:SHORT]} has the same specs as {away.to[:SHORT]}"
            self._say(away, "NothingToUndo", text)
            return True
        # Nothing may be awaited in between: a person may have decided otherwise meanwhile.
        if self._wanted() != wanted:
            return False
        self.stack.revisions.leave(away._replace(undone=made))
        folder = self.followed.opened(order)
        await folder.push(self.sourcing.where(order), made, onto=away.commit)
        name = order.ref.removeprefix(BRANCH)
        text = f"{made[:SHORT]} on {name} gives the specs back what they were at {away.to[:SHORT]}"
        self._say(away, "Reverted", text, commit=made)
        return True

    async def _make(self, wanted: Wanted) -> str | None:
        order, away = wanted
        if (await asyncio.to_thread(self.commits.describe, away.commit)).reverts:
            text = "it is itself a commit by which an operator took something back; mend it by hand"
            raise Terminal(text, reason="IsRevert")
        now = await asyncio.to_thread(self.followed.items, away.commit)
        then = await asyncio.to_thread(self.followed.items, away.to)
        paths = sorted(one for one in now.keys() | then.keys() if now.get(one) != then.get(one))
        files = {one: Entry(*then[one]) if one in then else None for one in paths}
        undo = Undo(away.commit, files, undo_message(away), away.at, away.undone)
        return await self.followed.opened(order).undo(undo)

    def _say(self, away: Retreat, reason: str, text: str, commit: str = "") -> None:
        """Tell it once, however often it comes."""
        facts: dict[str, Json] = {
            "ok": reason in CALM,
            "reason": reason,
            "message": text,
            "undoes": away.commit,
            "commit": commit,
        }
        if facts == self._facts:
            return
        self._facts = facts
        write_note(self.note, facts)
        log.info("%s", text) if facts["ok"] else log.warning("%s", text)
        told = reason if facts["ok"] else "RevertFailed"
        event = revision_event(away.commit, told, text, calm=bool(facts["ok"]))
        self.stack.ledger.journal.record_events([event], self.stack.clock.now())
        self.stack.ledger.journal.commit()
        self.wake()

    def _forget(self) -> None:
        """What was said holds while our commit is the newest, and such commits are asked for."""
        head = self.stack.revisions.head
        is_known = self.stack.ledger.snapshot is not None and bool(head)
        holds = self._is_asked() and head == self._facts.get("commit")
        if self._facts and is_known and not holds:
            self._facts, self._failures = {}, 0
            write_note(self.note, {})
            self.wake()
