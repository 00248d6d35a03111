"""Follows each revision from when it becomes current to what becomes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from ..core.errors import ReconcileError
from ..core.model import Json, Ref, Resource
from ..core.revision import (
    SHORT,
    Phase,
    Retreat,
    Rollout,
    Terms,
    begin,
    carry_on,
    judge,
    retreat,
    supersede,
)
from ..specs.commits import Commit
from .known import without_secrets
from .look import Stack
from .revisions import Revisions
from .rollout_events import rollout_event
from .standing import Digests, counted, differences, facts_of, outcomes, windows_of

log = logging.getLogger(__name__)

LOOK: Final = 0.2
"""While a revision unfolds, it is looked at this often (seconds)."""
LATE: Final = 5.0
"""One that failed may still become healthy: that is looked for this often (seconds)."""
BURSTS: Final = 10
"""Revisions that follow each other without a pause are waited for so many looks."""


class Move(NamedTuple):
    """A revision that became current: when, and what it wants."""

    revision: str
    at: float
    desired: Mapping[Ref, Resource[Any]]
    sick: tuple[str, ...] = ()


@dataclass(slots=True)
class Unfolding:
    """Records what becomes of revisions, and goes back from one that fails.

    ``moved`` is all that an edit waits for; the rest happens beside the passes.
    """

    stack: Stack
    terms: Callable[[], Terms]
    describe: Callable[[str], Commit]
    reread: Callable[[], Coroutine[Any, Any, bool]]
    started: float = 0.0
    told: dict[str, Json] = field(default_factory=dict)
    """What the history says of the current revision."""
    changed: Mapping[Ref, str] = field(default_factory=dict)
    _before: Digests = field(default_factory=dict)
    _move: Move | None = None
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        journal = self.stack.ledger.journal
        self._before = {ref: one.digest for ref, one in journal.known().items()}
        self.started = self.stack.clock.now()
        current = self.revisions.current
        last = journal.revisions(1)
        if current:  # the journal is a cache: it may be gone
            self.told = _unknown(current)
        if current and last and last[0].get("revision") == current.revision:
            self.told = last[0]
            self.changed = {
                Ref(*name.split("/", 1)): what for name, what in last[0]["changed"].items()
            }

    def moved(self) -> None:
        """Other specs were read: remember which, and when."""
        ledger, revision = self.stack.ledger, self.stack.ledger.revision
        last = self._move
        if revision != (last.revision if last else self._current):
            ill = last.sick if last else tuple(map(str, ledger.sick))
            self._move = Move(revision, self.stack.clock.now(), ledger.desired, ill)

    def poke(self) -> None:
        """Look at what was read, once what it asks for is under way."""
        self._bell.set()

    async def run(self) -> None:
        """For ever: wait for a revision, look at it until its end."""
        while True:
            try:
                async with asyncio.timeout(self._pause()):
                    await self._bell.wait()
                await self._rest()
            except TimeoutError:
                pass
            try:
                await self.look()
            except ReconcileError as exc:
                log.warning("the revision cannot be recorded: %s", exc)
            except Exception:  # a fault of ours in telling must not end what runs
                log.exception("following the revision failed")

    async def _rest(self) -> None:
        """What was edited is put in place first, and a burst of edits is one."""
        for _ in range(BURSTS):
            self._bell.clear()
            await self.stack.clock.sleep(LOOK)
            if not self._bell.is_set():
                return

    async def look(self) -> None:
        """Take in what became current, and judge what is.

        What another took the place of before anybody looked has no history of its own.
        """
        move, self._move = self._move, None
        if move is not None:
            if move.revision != self._current:
                await self._begin(move)
            self.revisions.keep_windows(windows_of(self.stack.ledger))
        waits = self.revisions.waits
        if waits is not None and waits.until <= self.stack.clock.now():
            await self.reread()
        current = self.revisions.current
        if current is None or not current.is_open:
            return
        ledger, now, terms = self.stack.ledger, self.stack.clock.now(), self.terms()
        facts = facts_of(ledger, current.revision, self.changed)
        after = judge(current, facts, terms, now=now, started=self.started)
        if after.phase is not current.phase:
            self._settle(after)
        else:
            self.revisions.current = after
        back = retreat(after, facts, terms, good=self.revisions.good, now=now)
        if back is not None:
            await self.go_back(back)

    async def go_back(self, back: Retreat) -> None:
        """Have another revision in the place of a commit; on the disk before anything is done."""
        # When others are told of it, what is a secret now may be none any more.
        back = back._replace(reason=without_secrets(back.reason, self.stack.ledger.snapshot))
        self.revisions.leave(back)
        current = self.revisions.current
        if current is not None and current.revision == back.commit:
            self._settle(_left(current, back))
        await self.reread()

    @property
    def revisions(self) -> Revisions:
        return self.stack.revisions

    @property
    def _current(self) -> str:
        return self.revisions.current.revision if self.revisions.current else ""

    def _pause(self) -> float | None:
        current = self.revisions.current
        if self._move or (current is not None and current.phase is Phase.PROGRESSING):
            return LOOK
        if self.revisions.waits is not None:
            return min(LATE, max(LOOK, self.revisions.waits.until - self.stack.clock.now()))
        return LATE if current is not None and current.is_open else None

    async def _begin(self, move: Move) -> None:
        last = self.revisions.current
        if last is not None and (ended := self._end(last, move)) is not last:
            self._settle(ended)
        digests = {ref: one.digest for ref, one in move.desired.items()}
        self.changed = differences(self._before, digests)
        self._before = digests
        for retries in self.stack.retries.values():  # should it come back, it begins anew
            retries.release(ref for ref, what in self.changed.items() if what == "deleted")
        away = self.revisions.away
        fresh = begin(move.revision, last, move.sick, move.at)
        if away is not None and away.to == move.revision:
            fresh = fresh._replace(cause="rollback")
        own = self.revisions.undoes(move.revision)
        if own is not None:
            fresh = fresh._replace(cause="revert")
            if last is not None and last.revision == own.to and not self.changed:
                fresh = carry_on(fresh, last)
        commit = await asyncio.to_thread(partial(self.describe, move.revision))
        self.told = {
            "revision": move.revision,
            "before": fresh.before,
            "cause": fresh.cause,
            "author": commit.author,
            "committed": commit.time,
            "subject": commit.subject,
            "by": away.author if away is not None and fresh.cause == "rollback" else "",
            "changed": {str(ref): what for ref, what in self.changed.items()},
            "summary": counted(self.changed.values()),
        }
        self._settle(fresh)

    def _end(self, last: Rollout, move: Move) -> Rollout:
        """What became of the one before."""
        known = self.revisions.retreats.get(last.revision)
        if known is not None and known.to == move.revision:
            # An operator that was killed had decided so, and could not say it any more.
            return last if last.phase is Phase.ROLLED_BACK else _left(last, known)
        return supersede(last, move.at)

    def _settle(self, rollout: Rollout) -> None:
        """Write down how far it has come, and tell."""
        ledger = self.stack.ledger
        self.told = {
            **self.told,
            "result": rollout.phase.value,
            "began": rollout.began,
            "ended": rollout.ended,
            "culprit": rollout.culprit,
            "message": rollout.message,
            "resources": [*outcomes(ledger, self.changed, rollout.began)],
        }
        self.revisions.keep(rollout)
        ledger.journal.record_revision(rollout.revision, rollout.began, self.told)
        actor = str(self.told.get("by") or self.told.get("author") or "")
        event = rollout_event(rollout, str(self.told["summary"]))._replace(actor=actor)
        ledger.journal.record_events([event], self.stack.clock.now())
        ledger.journal.commit()


def _unknown(rollout: Rollout) -> dict[str, Json]:
    """What the history says of a revision of which only the record is left."""
    names = ("author", "subject", "by", "summary")
    named = {"revision": rollout.revision, "before": rollout.before, "cause": rollout.cause}
    return {**named, **dict.fromkeys(names, ""), "committed": 0.0, "changed": {}}


def _left(rollout: Rollout, back: Retreat) -> Rollout:
    """A revision that another one is in the place of."""
    return rollout._replace(
        phase=Phase.ROLLED_BACK,
        ended=rollout.ended or back.at,
        culprit=back.culprit,
        message=f"rolled back to {back.to[:SHORT]}: {back.reason}",
    )
