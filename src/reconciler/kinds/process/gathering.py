"""What keeper and disk say, put together program by program, at the cost of what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from ...clients.keeper import Entry
from ...core.errors import Terminal
from .cron import CronNotes
from .file import ProgramFile
from .folder import Folder
from .records import Record
from .sight import Sight, is_other
from .spec import RESERVED
from .state import Program


class _Mirrors(NamedTuple):
    """All that was seen in one look: each part is the very same object until something changes."""

    entries: Mapping[str, Entry] = {}
    records: Mapping[str, Record | None] = {}
    sections: frozenset[str] = frozenset()

    def are_same(self, other: _Mirrors) -> bool:
        same = self.entries is other.entries and self.records is other.records
        return same and self.sections == other.sections


class Gathering:
    """The programs of one stack as they were last seen."""

    def __init__(self, records: Folder[Record], file: ProgramFile, notes: CronNotes) -> None:
        self._records = records
        self._file = file
        self._notes = notes
        self._mirrors = _Mirrors()
        self._crons: frozenset[str] = frozenset()
        self._ran: dict[str, tuple[str, Program]] = {}
        self.sights: dict[str, Sight] = {}

    @property
    def leftovers(self) -> frozenset[str]:
        """The programs that supervisord's file spoke of at the last look."""
        return self._mirrors.sections

    def pid(self, name: str) -> int:
        """The live process of ``name`` at the last look; 0 for none."""
        sight = self.sights.get(name)
        return 0 if sight is None or sight.entry is None else int(sight.entry["pid"])

    def needs_disk(self) -> bool:
        """Whether a look has to read more than a few files."""
        return bool(self._crons) or not self._records.is_brief

    def look(self, entries: Mapping[str, Entry]) -> bool:
        """Take in what the keeper says, and the disk; whether anything is new. Blocks on it."""
        mirrors = _Mirrors(entries, self._records.read(), self.read_leftovers())
        if mirrors.are_same(self._mirrors) and not self._crons:
            return False
        names = entries.keys() | mirrors.records.keys() | mirrors.sections
        records = mirrors.records.items()
        self._crons = frozenset(n for n, one in records if one and one.program.mode == "cron")
        self.sights = {name: self._sight(name, mirrors) for name in names - RESERVED}
        self._mirrors = mirrors
        return True

    def read_leftovers(self) -> frozenset[str]:
        """The programs that supervisord's file still speaks of."""
        try:
            return frozenset(self._file.read())
        except Terminal:
            return frozenset()  # a file of somebody else is nothing to the keeper

    def unclear(self) -> list[str]:
        """Programs that run as something of which only the keeper knows what."""
        return [
            name
            for name, sight in self.sights.items()
            if sight.running is None and is_other(sight.entry, sight.record)
        ]

    def learn(self, name: str, running: Program | None) -> None:
        """What ``name`` runs as, by the keeper's word."""
        sight = self.sights.get(name)
        if sight is None:
            return  # another look has found it gone
        self.sights[name] = replace(sight, running=running)
        if running is not None and sight.entry is not None:
            self._ran[name] = (sight.entry["digest"], running)

    def forget(self, name: str) -> None:
        self._ran.pop(name, None)

    def _sight(self, name: str, mirrors: _Mirrors) -> Sight:
        """What is known of ``name``; the very same object as before when nothing is new."""
        entry, record = mirrors.entries.get(name), mirrors.records.get(name)
        cron = self._notes.vitals(name) if name in self._crons else None
        leftover, known = name in mirrors.sections, self.sights.get(name)
        is_known = known is not None and known.entry is entry and known.record is record
        if known is not None and is_known and (known.leftover, known.cron) == (leftover, cron):
            return known
        return Sight(name, entry, record, self._recall(name, entry, record), leftover, cron)

    def _recall(self, name: str, entry: Entry | None, record: Record | None) -> Program | None:
        """What the program was last started with, where this operator has seen it before."""
        if entry is None:
            return None
        if record is not None and entry["digest"] == record.digest:
            self._ran[name] = (record.digest, record.program)
        digest, program = self._ran.get(name, ("", None))
        return program if digest == entry["digest"] else None
