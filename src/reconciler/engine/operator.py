"""The one object surfaces hold: it owns the lanes, the ledger and the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from ..core.errors import ReconcileError
from ..core.model import Ref
from ..core.overrides import AUTHOR
from ..core.request import Asked
from ..specs.commits import Commits, no_repository
from ..specs.load import Loader
from . import asking
from .asking import Ask
from .following import Following
from .journal import ALL, Picked
from .look import Stack, look
from .loop import Lane
from .notifying import Notifying
from .plan_view import View, is_calm, plan_view
from .readiness import Check, checks, measure
from .reading import Reading
from .reconcile import observe
from .reverting import Reverting
from .revision_view import standing_view
from .sourcing import Sourcing
from .standing import terms_of
from .unfolding import Unfolding
from .views import event_view, failures_view, pass_view, resource_view, spec_view, status_view
from .wake import forget_bell, open_bell
from .watching import Files, Watched, Watching, watched

LANES: Final = {
    "stack": frozenset({"Stack", "Process", "Probe", "Gateway", "Route"}),
    "backup": frozenset({"Repository", "SyncTarget"}),
}
ROUNDS: Final = 10
LATER: Final = 0.1


@dataclass(slots=True)
class Operator:
    """Plans, converges and tells the truth about one stack."""

    stack: Stack
    loader: Loader
    watch_paths: Callable[[], Iterable[Path]]
    files: Files = field(default_factory=Files)
    commits: Commits = field(default_factory=lambda: Commits(no_repository))
    sourcing: Sourcing | None = None
    reverting: Reverting | None = None
    notifying: Notifying | None = None
    lanes: tuple[Lane, ...] = ()
    reading: Reading = field(init=False)
    unfolding: Unfolding = field(init=False)
    following: Following = field(init=False)
    watching: Watching = field(init=False)

    def __post_init__(self) -> None:
        self.lanes = tuple(
            Lane(name, kinds & self.stack.kinds.keys(), self.stack, self._wake_others)
            for name, kinds in LANES.items()
        )
        self.reading = Reading(self.stack, self.loader)
        soon = self.lanes[0].expect
        self.following = Following(self.reading, self.watch_paths, self._edited, soon)
        self.unfolding = Unfolding(
            self.stack,
            partial(terms_of, self.stack.ledger),
            self.commits.describe,
            lambda: self.following.read(()),
        )
        self.watching = Watching(self._watched, self._file_changed, self.files.own)

    async def run(self, bell: Path) -> None:
        """For ever: watch, listen, converge."""
        transport = await open_bell(bell, self.wake)
        try:
            async with asyncio.TaskGroup() as group:
                every = (self.following, self.unfolding, self.watching, self.sourcing)
                for one in (*every, self.reverting, self.notifying, *self.lanes):
                    if one is not None:
                        group.create_task(one.run())
        finally:
            transport.close()
            forget_bell(bell)

    def wake(self, *, complete: bool = False) -> None:
        """Something may have changed; ``complete`` when no more of it is to be expected."""
        for lane in self.lanes:
            if lane.is_needed:
                lane.wake(complete=complete)

    async def reload(self, touched: Collection[str] | None = None) -> bool:
        """Read the specs; says whether they differ from what was read before."""
        return await self.following.read(touched)

    async def plan(self) -> View:
        """What differs now: the specs are read and the world is looked at afresh."""
        started = self.stack.clock.monotonic()
        await self.following.catch_up()
        self.reading.demand()
        since = self.stack.clock.monotonic()
        world = await observe(self.stack.drivers)
        plan = look(self.stack, world, since=since)
        await self.reading.review()
        took = round((self.stack.clock.monotonic() - started) * 1000)
        view = plan_view(self.stack.ledger, plan, took) | standing_view(self.stack.revisions)
        if self.reading.error:  # what was planned is for the last specs that could be read
            view["unknown"] += self.reading.unread()
            view["inSync"] = False
        return view

    async def reconcile_now(self, *, confirm: str = "") -> View:
        """Do now whatever can be done, and say what was done.

        ``confirm`` names a revision whose deletions are allowed.
        """
        if confirm:
            await self.reload()
            self.reading.demand()
            self.stack.confirmation.give(confirm)
        for lane in self.lanes:
            lane.retries.release()
        self.stack.ledger.renew_patience()
        before, ledger = await self.plan(), self.stack.ledger
        if is_calm(before) and not ledger.failures:
            return {"plan": before, "after": before, "failures": []}
        for _ in range(ROUNDS):  # what one lane did may free what another waits for
            applied_at = ledger.applied_at
            await asyncio.gather(*(lane.settle() for lane in self.lanes))
            if ledger.applied_at == applied_at:
                break
        after = await self.plan()
        return {"plan": before, "after": after, "failures": failures_view(ledger.failures)}

    async def ask(
        self,
        refs: Sequence[Ref],
        verb: str,
        *,
        reason: str = "",
        author: str = "somebody",
        seconds: float | None = None,
    ) -> list[View]:
        """Stop, start or restart instances for the moment, whatever the specs say; or reload them.

        A stop lasts ``seconds``, an hour unless said, and so does the start of what the specs
        switch off. Of all or of none: raises Terminal with ``NotFound``, ``NotSupported`` or
        ``Refused`` when it cannot be asked of one of them.
        """
        self.reading.demand()
        if verb == "reload":
            return await asking.reload(self.stack, refs, author)
        return self.request(refs, Ask(Asked(verb), seconds, reason, author))

    def request(self, refs: Sequence[Ref], wanted: Ask) -> list[View]:
        """Keep what is asked and have it done."""
        views = asking.ask(self.stack, refs, wanted)
        for lane in self.lanes:
            lane.retries.release(refs)
        self.stack.ledger.renew_patience(refs)
        self.wake(complete=True)
        return views

    async def release(self, ref: Ref, *, author: str = "somebody") -> View | None:
        """Take back what was asked of one instance; None when nothing was."""
        view = asking.release(self.stack, ref, author)
        self.wake(complete=True)
        return view

    def requests(self) -> list[View]:
        """All that is asked by hand now."""
        return asking.requests(self.stack)

    @property
    def _now(self) -> float:
        return self.stack.clock.now()

    async def status(self) -> View:
        """What was true at the last look, which is never long ago."""
        await self.reading.review()
        view = status_view(self.stack.ledger) | standing_view(self.stack.revisions)
        view |= {"unknown": self.reading.unread(), "stopping": self.stack.stopping()}
        if self.reading.error:
            view["verdict"] |= {"ready": False, "inSync": False, "message": self.reading.error}
        return view

    async def resource(self, kind: str, name: str) -> View | None:
        """One resource's status, or None when nothing of that name is wanted."""
        ref, ledger = Ref(kind, name), self.stack.ledger
        return resource_view(ledger, ref) if ref in set(ledger.present) else None

    def spec(self, kind: str, name: str) -> View | None:
        """What is written for one resource, without any secret; None when it is not wanted."""
        want = self.stack.ledger.desired.get(Ref(kind, name))
        return None if want is None else spec_view(want)

    def events(self, limit: int = 100, picked: Picked = ALL) -> list[View]:
        """What happened, newest first; only what is asked for, where anything is."""
        return [event_view(row) for row in self.stack.ledger.journal.events(limit, picked)]

    def history(self, limit: int = 100) -> list[View]:
        """The passes that changed something, newest first."""
        return [pass_view(row) for row in self.stack.ledger.journal.passes(limit)]

    def measure(self) -> None:
        """Hand the metrics what is true now; they are read right after."""
        watchers = {"specs": self.following.watch.notes is not None, "files": self.watching.stands}
        measure(self.stack, self.reading.error, watchers)

    def checks(self) -> list[Check]:
        """What liveness and readiness are made of. That this answers at all is liveness."""
        return checks(self.stack, self.reading.error)

    def _wake_others(self, lane: Lane) -> None:
        for other in self.lanes:
            if other is not lane and other.is_needed:
                other.wake()

    def _edited(self) -> None:
        self.wake(complete=True)
        self.unfolding.moved()
        if self.reverting is not None:
            self.reverting.poke()
        later = asyncio.get_running_loop().call_later  # what was edited is started first
        for work in (self.watching.look_again, self.unfolding.poke):
            later(LATER, work)

    def _watched(self) -> Watched:
        desired = self.stack.ledger.desired
        return watched(self.stack.kinds, desired, everything=self.files.everything)

    def _file_changed(self, ref: Ref, why: str) -> None:
        """Restart what uses a file that was edited; what rests or waits goes on doing so."""
        if asking.may_restart(self.stack, ref):
            with suppress(ReconcileError):  # it may be gone, switched off or not to be seen
                self.request([ref], Ask(Asked.RESTART, reason=why, author=AUTHOR, cause="watch"))

    async def calm(self, seconds: float) -> None:
        """Wait until nothing was done for so long: what is heavy would only be in the way."""
        await self.stack.clock.sleep(seconds)
        while self._now - self.stack.ledger.applied_at < seconds:
            await self.stack.clock.sleep(seconds)
