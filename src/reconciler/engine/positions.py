"""How far those who are told of events have got, and what they were told, on disk."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final

from ..core.errors import Transient
from .records import Records

log = logging.getLogger(__name__)

SINK: Final = "sink"
NOTIFIED: Final = "notified"
KEPT: Final = 1000
"""What was told last, for each of them: that is not told again."""


class Positions:
    """The newest event that each was told of, and what is not to be told to it again."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._at: dict[str, int] = {}
        self._when: dict[str, tuple[str, ...]] = {}
        self._told: dict[str, dict[str, int]] = {}
        for name, value in records.all(SINK).items():
            if isinstance(value, dict):
                self._at[name] = int(value.get("at") or 0)
                self._when[name] = tuple(map(str, value.get("when") or ()))
        for both, event in records.all(NOTIFIED).items():
            name, _, key = both.partition(" ")
            self._told.setdefault(name, {})[key] = int(event)

    def begin(self, name: str, when: tuple[str, ...], newest: int) -> int:
        """Where to go on. Who is new, or wants other things now, hears what comes from here on."""
        at = self._at.get(name, newest) if self._when.get(name, when) == when else newest
        at = min(at, newest)  # what a journal has lost cannot be told
        if (self._at.get(name), self._when.get(name)) != (at, when):
            self._when[name] = when
            self.move(name, at)
        return at

    def knows(self, name: str, key: str) -> bool:
        """Whether this was told already."""
        return key in self._told.get(name, ())

    def move(self, name: str, at: int, key: str = "") -> None:
        """All up to the event ``at`` is done with, and ``key`` was told."""
        told = self._told.setdefault(name, {})
        self._at[name] = at
        old: list[str] = []
        if key:
            told[key] = at
            old = sorted(told, key=lambda one: told[one])[:-KEPT]
        for one in old:
            del told[one]
        try:
            with self._records.together():
                self._records.write(SINK, name, {"at": at, "when": self._when.get(name, ())})
                if key:
                    self._records.write(NOTIFIED, f"{name} {key}", at)
                for one in old:
                    self._records.clear(NOTIFIED, f"{name} {one}")
        except Transient as exc:  # a new operator would tell it again
            log.warning("%s", exc)

    def keep_only(self, names: Collection[str]) -> None:
        """Forget who is not to be told any more."""
        for name in (self._at.keys() | self._told.keys()) - set(names):
            try:
                with self._records.together():
                    self._records.clear(SINK, name)
                    for key in self._told.get(name, ()):
                        self._records.clear(NOTIFIED, f"{name} {key}")
            except Transient as exc:
                log.warning("%s", exc)
                continue
            for known in (self._at, self._when, self._told):
                known.pop(name, None)
