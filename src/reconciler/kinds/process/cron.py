"""Remembers when each ``cron`` last ran, whatever ends in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from ...core.model import Json

TOPIC: Final = "cron"


class Records(Protocol):
    """Where facts outlive the operator."""

    def all(self, topic: str) -> Mapping[str, Json]: ...

    def write(self, topic: str, name: str, value: Json) -> None: ...

    def clear(self, topic: str, name: str) -> None: ...


class Memory:
    """Facts that end with the process: for a look without a trace, and for tests."""

    def __init__(self) -> None:
        self._facts: dict[tuple[str, str], Json] = {}

    def all(self, topic: str) -> Mapping[str, Json]:
        return {name: value for (of, name), value in self._facts.items() if of == topic}

    def write(self, topic: str, name: str, value: Json) -> None:
        self._facts[topic, name] = value

    def clear(self, topic: str, name: str) -> None:
        self._facts.pop((topic, name), None)


class Note(NamedTuple):
    """``at``: its times up to then are done with; ``start``: the stack's start it last ran in."""

    at: float
    schedule: str
    armed: bool
    start: str


class CronNotes:
    """The last runs, as of one start of the stack. Read once, then kept in memory."""

    def __init__(
        self, records: Records, stack_start: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._records = records
        self._start = stack_start
        self._clock = clock
        self._known: dict[str, Note] | None = None

    def read(self, name: str) -> Note | None:
        return self._notes().get(name)

    def is_armed(self, name: str) -> bool:
        note = self.read(name)
        return note is not None and note.armed

    def arm(self, name: str, schedule: str) -> None:
        """It waits for its times from now on; one that waited already missed nothing by that."""
        note = self.read(name)
        if note is None or not note.armed or note.schedule != schedule:
            start = note.start if note is not None else ""
            self._write(name, Note(self._clock(), schedule, armed=True, start=start))

    def reschedule(self, name: str, schedule: str) -> None:
        """Its times are others now: none of them was missed."""
        note = self.read(name)
        if note is not None and note.schedule != schedule:
            self._write(name, note._replace(at=self._clock(), schedule=schedule))

    def run(self, name: str) -> None:
        """It is about to run; noted before, so that no death in between makes it run twice."""
        note = self.read(name) or Note(0.0, "", armed=True, start="")
        self._write(name, note._replace(at=self._clock(), start=self._start))

    def disarm(self, name: str) -> None:
        """It was stopped by wish: what it would have run meanwhile was not missed."""
        note = self.read(name)
        if note is not None and note.armed:
            self._write(name, note._replace(armed=False))

    def forget(self, name: str) -> None:
        if self.read(name) is not None:
            del self._notes()[name]
            self._records.clear(TOPIC, name)

    def vitals(self, name: str) -> Json | None:
        """What decides when it runs next."""
        note = self.read(name)
        return note and {"at": note.at, "ranOnStart": note.start == self._start}

    def _write(self, name: str, note: Note) -> None:
        self._records.write(TOPIC, name, note._asdict())
        self._notes()[name] = note

    def _notes(self) -> dict[str, Note]:
        if self._known is None:
            self._known = {}
            for name, said in self._records.all(TOPIC).items():
                with suppress(TypeError):  # of another version
                    self._known[name] = Note(**said)
        return self._known
