"""One program: what is asked of it, and what is told of it."""

from __future__ import annotations

import json
import time
from typing import Any

from ..record import Refusal
from . import families
from .policy import FAULTS, Follow, Settings
from .runs import Runs
from .stock import AFTER_OURS

_FORGIVING = frozenset({"user", "spec"})


class Program(Runs):
    """What may be asked of a program, again and again, without doing anything twice."""

    stamp = ""
    _last_run = ""
    _remembered = False

    def remember(self) -> None:
        """Be what an earlier keeper of the same stack has written down."""
        if self.history.completed or self.history.failed:
            self.wanted = self._remembered = True
            self.enter("completed" if self.history.completed else "failed")

    def keep(self, stamp: str, settings: Settings) -> None:
        """Be kept like this from now on."""
        as_before = self._remembered and stamp == self.history.stamp
        self.departing = self._remembered = False
        self.stamp = self.history.stamp = stamp
        self.settings = settings
        self.config.priority = self.group.config.priority = AFTER_OURS + settings.priority
        if self.streams:
            self.streams.log.adapt(settings)
        if self.wanted and not as_before and not settings.rests(self.phase):
            self.history.forgive()
            self._start_or_arm(Follow("spec", "kept in another way", at_once=True))
        elif self.phase == "backoff" and self.follow:
            self.decide(self.follow, more=0)
        self.look_soon()
        self.touch()

    def begin(self, epoch: int, cause: str, detail: str) -> None:
        """Want it to run; start it unless it lives."""
        if self.wanted and epoch <= self.history.epoch and not self._may_begin(cause):
            return
        self._want(epoch, cause)
        if self.ending and (self.follow is None or cause in _FORGIVING):
            self.follow = Follow(cause, detail, at_once=True)
        elif not self.live:
            self._start_or_arm(Follow(cause, detail, at_once=True))
        self.touch()

    def replace(self, epoch: int, cause: str, detail: str) -> None:
        """Stop all of it and start it from the record there is then; once for each epoch."""
        if epoch <= self.history.epoch and self._is_as_recorded():
            return
        self._want(epoch, cause)
        follow = Follow(cause, detail, at_once=cause not in FAULTS)
        if self.live:
            self.follow = follow
            self.end()
            self.look(time.monotonic())  # it hears of it now, and not in the next turn
        elif cause == "user":
            self.start(follow)  # a person does not mean its time
        elif follow.at_once:
            self._start_or_arm(follow)
        self.touch()

    def run(self, cause: str, due: str, *, concurrency: str) -> str:
        """One run of a program that waits for its time; why not, if it cannot be had."""
        busy = self.live or self.phase == "backoff"
        if not self.wanted or due == self._last_run or (busy and concurrency == "forbid"):
            return ""
        self._last_run = due
        self.history.forgive()
        follow = Follow(cause, due, at_once=True)
        if not self.live:
            self.start(follow)
        elif concurrency == "allow" and self.ending is None:
            return self.start_beside(follow)
        else:
            self.follow = follow
            if concurrency == "replace":
                self.end()
        return ""

    def rest(self) -> None:
        """Want it to be stopped, with all that belongs to it."""
        self.wanted, self.follow = False, None
        self.history.forgive()
        if self.live:
            self.end()
        elif self.phase != "stopped":
            self.enter("stopped")
        self.touch()

    def depart(self) -> None:
        """Stop it and forget it."""
        self.departing = True
        self.rest()
        if not self.live:
            self.keeper.drop(self)

    def strays(self) -> set[int]:
        """What left its tree: by the name it carries, or by the pipe it still writes to."""
        if self.beside:
            return set()  # it may be of another run, which goes on
        found, nameless = self.keeper.strays(self.name), self.keeper.strays("")
        if nameless and self.streams:
            return found | families.writers(nameless, self.streams.pipes)
        return found

    def entry(self) -> dict[str, Any]:
        """All there is to know, for the wire."""
        history = self.history
        entry: dict[str, Any] = {
            "state": self.phase,
            "wanted": self.wanted,
            "stamp": self.stamp,
            "epoch": history.epoch,
            "digest": history.digest,
            "revision": history.revision,
            "pid": self.pid,
            "born": self.born,
            "since": self.since,
            "next": self.next,
            "failures": history.failures,
            "brief": history.brief,
            "restarts": history.restarts,
            "error": self.error,
            "last": history.last,
            "warning": self.warning,
            "log": self.config.stdout_logfile,
            "causes": list(history.causes),
        }
        if self.settings.memory:
            entry["memory"] = self.memory
        if self.beside:
            entry["runs"] = self.pids
        return entry

    def started_with(self) -> Any:
        """The view of the record that the live process was started with."""
        view = self.view if self.pid else None
        return json.loads(view) if isinstance(view, str) else view

    def _may_begin(self, cause: str) -> bool:
        """Whether ``cause`` makes one begin again that has come to its end."""
        if self.phase == "failed":
            return cause in _FORGIVING
        return self.phase != "completed" or cause == "user"

    def _want(self, epoch: int, cause: str) -> None:
        self.wanted, self.departing = True, False
        self.history.epoch = max(epoch, self.history.epoch)
        if cause in _FORGIVING:
            self.history.forgive()

    def _start_or_arm(self, follow: Follow) -> None:
        if self.settings.mode == "cron":
            self._read_digest()
            self.enter("armed")
        else:
            self.start(follow)

    def _read_digest(self) -> None:
        """What the next run will be."""
        self.error = ""
        try:
            record = self.keeper.starter.record(self.name)
        except Refusal as refusal:
            self.error = str(refusal)
            return
        self.history.digest = str(record.get("digest") or "")
        self.history.revision = str(record.get("revision") or "")

    def _is_as_recorded(self) -> bool:
        """Whether it is, or was, what its record says; not while it ends."""
        settled = bool(self.pid) or self.phase in {"completed", "armed"}
        if self.ending or not settled:
            return False
        try:
            return bool(self.keeper.starter.record(self.name).get("digest") == self.history.digest)
        except Refusal:
            return False
