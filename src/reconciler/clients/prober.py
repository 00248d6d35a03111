"""Runs probes by timers of its own, and rings only when a verdict turns.

What is probed is said after each look at the world; what was found is read at the next one::

    prober = Prober(partial(ring, wake_socket))
    prober.follow({
        "web-0": Subject(
            life=f"{pid}.{born_ticks}",         # another word: another life, all begins anew
            probes=program.probes,              # ports are numbers and paths absolute by now
            born=entry["since"],                # Unix seconds; lines of the log count from then
            log=log_folder / "web-0.log",
            around=partial(surroundings, "web-0"),  # read only when a program is run
        ),
    })
    prober.standing("web-0")                    # Standing | None; core.verdict.ready(...) judges it
    await prober.aclose()

Follow every live process, one without probes too: that is how a life that begins is told from
one that was there before anybody looked.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from ..core.probe import Probe, Probes, Role
from ..core.verdict import Result, Standing, Verdict, awaited, begin, edited, heard
from .checks import LogSearch, Looks
from .execution import Surroundings

log = logging.getLogger(__name__)

EAGER: Final = 0.1
PATIENCE: Final = 0.1
"""Before the first success there are looks besides the regular ones: so soon at first (seconds),
then after this share of the time that was waited. Their failures do not count.
"""
SPREAD: Final = 2.0
"""What was there before is looked at for the first time within so many seconds, not all at once."""
SLACK: Final = 1.0
BEAT: Final = 0.1
"""Looks are taken together with others, at most so much later than they were due (seconds)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is probed, and in which life."""

    life: str
    probes: Probes
    born: float | None = None
    adopted: bool = False
    """Whether it was there before anybody looked, however new it is to us."""
    log: Path | None = None
    around: Callable[[], Surroundings] = Surroundings


@dataclass(slots=True)
class _Watch:
    """One life and where it stands."""

    subject: Subject
    standing: Standing
    since: float
    """When it was first looked at, on the clock of the loop."""
    rounds: dict[Role, asyncio.Task[None]] = field(default_factory=dict)
    searches: dict[Role, LogSearch] = field(default_factory=dict)
    succeeded: set[Role] = field(default_factory=set)

    def stop(self, role: Role) -> None:
        task = self.rounds.pop(role, None)
        if task is not None:
            task.cancel()


class Prober:
    """Probes what it is told to follow."""

    def __init__(self, ring: Callable[[], None], looks: Looks | None = None) -> None:
        self._ring = ring
        self._looks = looks or Looks()
        self._watches: dict[str, _Watch] = {}
        self._ended: set[asyncio.Task[None]] = set()
        # Up to where logs were read: lines without times are not searched again in a next life.
        self._searches: dict[str, dict[Role, LogSearch]] = {}
        self._followed: float | None = None

    def follow(self, subjects: Mapping[str, Subject]) -> None:
        """Probe exactly these from now on. To be called within the event loop."""
        for key in self._watches.keys() - subjects.keys():
            self._forget(key)
        for key, subject in subjects.items():
            watch = self._watches.get(key)
            if watch is None or watch.subject.life != subject.life:
                self._begin(key, subject, watch)
            elif watch.subject is not subject:
                self._go_on(key, subject, watch)
        self._followed = time.time()

    def standing(self, key: str) -> Standing | None:
        """Where the probes of ``key`` stand; None when nobody follows it."""
        watch = self._watches.get(key)
        return None if watch is None else watch.standing

    async def aclose(self) -> None:
        """Stop looking; what was begun is ended."""
        for key in tuple(self._watches):
            self._forget(key)
        if self._ended:
            await asyncio.wait(self._ended)
        self._looks.close()

    def _begin(self, key: str, subject: Subject, before: _Watch | None) -> None:
        now = time.time()
        adopted = subject.adopted or (before is None and self._was_there(subject))
        age = None if subject.born is None else now - subject.born
        standing = begin(subject.probes, now, adopted=adopted, age=age)
        watch = _Watch(subject, standing, asyncio.get_running_loop().time())
        if before is not None:
            self._forget(key)
        watch.searches = self._searches.pop(key, {})
        self._watches[key] = watch
        self._arm(key, watch)

    def _was_there(self, subject: Subject) -> bool:
        """Whether a life that is new to us began before we looked last."""
        if self._followed is None:
            return True
        return subject.born is not None and subject.born < self._followed - SLACK

    def _go_on(self, key: str, subject: Subject, watch: _Watch) -> None:
        """The same life: a probe that was edited begins anew, the others go on."""
        before, watch.subject = watch.subject.probes, subject
        if before is subject.probes or before == subject.probes:
            return
        for role in Role:
            if before.of(role) != subject.probes.of(role):
                watch.stop(role)
                watch.searches.pop(role, None)
        watch.standing = edited(watch.standing, subject.probes, time.time())
        self._arm(key, watch)

    def _forget(self, key: str) -> None:
        watch = self._watches.pop(key)
        for role in Role:
            watch.stop(role)
        if watch.searches:
            self._searches[key] = watch.searches

    def _arm(self, key: str, watch: _Watch) -> None:
        """Run the probes that are to be run now, and no others."""
        wanted = awaited(watch.standing)
        for role in set(watch.rounds) - set(wanted):
            watch.stop(role)
        for role in wanted:
            probe = watch.subject.probes.of(role)
            if probe is not None and role not in watch.rounds:
                task = asyncio.create_task(self._go_round(key, watch, role, probe))
                watch.rounds[role] = task
                self._ended.add(task)
                task.add_done_callback(self._ended.discard)

    async def _go_round(self, key: str, watch: _Watch, role: Role, probe: Probe) -> None:
        """Look again and again, for as long as the life lasts and the probe is wanted."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(_first(key, watch, role, probe))
        began = regular = loop.time()
        while True:
            counts = loop.time() >= regular
            result = await self._look(watch, role, probe)
            if counts:
                regular = max(regular + probe.period, loop.time())
            if counts or result.ok:
                self._hear(key, watch, role, result)
            next_look = regular
            if _is_eager(watch, role, probe):
                now = loop.time()
                next_look = min(regular, now + max(EAGER, (now - began) * PATIENCE))
            await asyncio.sleep(_together(next_look, probe) - loop.time())

    async def _look(self, watch: _Watch, role: Role, probe: Probe) -> Result:
        try:
            if probe.log is not None:
                return await self._search(watch, role, probe)
            return await self._looks.look(probe, watch.subject.around)
        except Exception as exc:  # a fault of ours in one probe must not end the others
            log.exception("probing failed")
            return Result(ok=None, message=f"internal error: {type(exc).__name__}")

    async def _search(self, watch: _Watch, role: Role, probe: Probe) -> Result:
        subject = watch.subject
        if probe.log is None or subject.log is None:
            return Result(ok=False, message="there is no log to search")
        search = watch.searches.get(role)
        if search is None or not search.is_for(subject.log, probe.log):
            search = watch.searches[role] = LogSearch(subject.log, probe.log)
        born = subject.born or 0.0
        return await self._looks.search(
            partial(search.look, born, adopted=watch.standing.adopted), probe.timeout
        )

    def _hear(self, key: str, watch: _Watch, role: Role, result: Result) -> None:
        if self._watches.get(key) is not watch:
            return  # of a life that is over
        before = watch.standing.judged(role)
        watch.standing = heard(watch.standing, role, result, time.time())
        if watch.standing.verdict(role) is Verdict.SUCCESS:
            watch.succeeded.add(role)
        if watch.standing.judged(role) != before:
            self._ring()
            # Not at once: this may be the very round that is to be stopped.
            asyncio.get_running_loop().call_soon(self._rearm, key, watch)

    def _rearm(self, key: str, watch: _Watch) -> None:
        if self._watches.get(key) is watch:
            self._arm(key, watch)


def _first(key: str, watch: _Watch, role: Role, probe: Probe) -> float:
    """When to look first: after the delay; what was there before gets a moment of its own."""
    if not watch.standing.adopted:
        return probe.initial_delay - (asyncio.get_running_loop().time() - watch.since)
    share = zlib.crc32(f"{key}/{role}".encode()) / 2**32
    return share * min(SPREAD, probe.period)


def _together(at: float, probe: Probe) -> float:
    """A moment shared with others, a little later: to be woken costs more than to look."""
    beat = min(BEAT, probe.period / 20)
    return math.ceil(at / beat) * beat


def _is_eager(watch: _Watch, role: Role, probe: Probe) -> bool:
    """Whether somebody waits for the first success."""
    return (
        role is not Role.LIVENESS and role not in watch.succeeded and probe.success_threshold == 1
    )
