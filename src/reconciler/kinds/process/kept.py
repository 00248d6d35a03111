"""Processes under our keeper: one call for many, one look that costs what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias, assert_never

from ...clients.keeper import Entry, Keeper
from ...clients.spare import Spare
from ...clients.supervisord import Supervisord
from ...core.model import Observed
from .actions import (
    Keep,
    ProcessAction,
    Reload,
    Remove,
    Replace,
    Run,
    Start,
    Stop,
    WriteRecord,
)
from .checks import Start as Beginning
from .checks import check_start
from .cron import CronNotes
from .file import ProgramFile, Quiet
from .folder import Folder
from .gathering import Gathering
from .layout import Layout
from .many import Disk, Found, Many, Work
from .others import Others
from .records import Record, parse_record, write_record
from .settling import Settling
from .sight import Sight, observe
from .state import Program
from .telling import operation
from .together import Together

LATER: Final = 0.1
"""Seconds after which what was begun is under way, and there is time to prepare the next."""

Seen: TypeAlias = Mapping[str, Observed[Program]]


class _Seen(NamedTuple):
    """A program as last seen, and what that was made from."""

    sight: Sight
    observed: Observed[Program]


class Kept:
    """Keeps programs by our keeper inside supervisord."""

    def __init__(
        self, supervisord: Supervisord, keeper: Keeper, layout: Layout, notes: CronNotes
    ) -> None:
        self._supervisord = supervisord
        self._keeper = keeper
        self._layout = layout
        self._notes = notes
        self._records: Folder[Record] = Folder(layout.records, parse_record)
        self._spare = Spare(layout.records.parent)
        self._written = Together(self._write_record, is_brief=lambda _: True)
        self._checked = Together(check_start, is_brief=lambda start: not start.program.ports)
        self._file = ProgramFile(layout, supervisord, Quiet())
        self._gathering = Gathering(self._records, self._file, notes)
        self._others = Others(supervisord, layout)
        self._seen: dict[str, _Seen] = {}
        self._ours: dict[str, Observed[Program]] = {}
        self._whole: tuple[Seen, Seen, Seen] = ({}, self._ours, {})
        self._unsaid = True
        self._life = ""
        self._settling = Settling(keeper)
        disk = Disk(self._write_record, check_start, self._forget)
        self._many = Many(keeper, disk, self._settling, pid=self._gathering.pid)

    async def observe(self) -> Mapping[str, Observed[Program]]:
        """Every program the keeper knows, and every one we ever wrote down."""
        entries = await self._keeper.look()
        others = await self._see_others(entries)
        if await self._gather(entries):
            self._unsaid = True
        if self._unsaid:
            for name in self._gathering.unclear():
                self._gathering.learn(name, await self._ask_what_runs(name))
            sights = self._gathering.sights.items()
            self._seen = {name: self._observe(sight) for name, sight in sights}
            self._ours = {name: one.observed for name, one in self._seen.items()}
            self._unsaid = False
        if self._whole[0] is not others or self._whole[1] is not self._ours:
            self._whole = others, self._ours, {**others, **self._ours}
        return self._whole[2]

    async def apply(self, action: ProcessAction) -> None:
        """Do one thing; it may have been done before."""
        match action:
            case WriteRecord():
                await self._written.do(action)
            case Keep():
                await self._keep(action)
            case Start() | Replace() | Run():
                await self._begin(action)
            case Reload():
                await self._tell(action)
            case Stop(name):
                if self._notes.is_armed(name):
                    await asyncio.to_thread(self._notes.disarm, name)
                await self._tell(action)
                await self._settling.wait_for(name)
            case Remove():
                await self._remove(action)
            case _:
                assert_never(action)

    async def apply_all(self, work: Work) -> Found:
        """Bring up and take away many at once; the rest is left to be done one by one."""
        left, notes = self._gathering.leftovers, self._notes
        done = await self._many.do(
            {n: own for n, own in work.items() if n not in left and notes.read(n) is None}
        )
        asyncio.get_running_loop().call_later(LATER, self._spare.lay)
        return done

    async def last_lines(self, name: str) -> list[str]:
        """The last output before the last end."""
        return await self._keeper.tail(name)

    async def _see_others(self, entries: Mapping[str, Entry]) -> Mapping[str, Observed[Program]]:
        """What else runs there; a keeper of an earlier version does not tell."""
        if self._keeper.others is not None:
            return self._others.take(self._keeper.others)
        if self._keeper.life != self._life:
            await self._others.look_around(entries.keys() | self._gathering.read_leftovers())
            self._life = self._keeper.life
        return await self._others.look()

    async def _gather(self, entries: Mapping[str, Entry]) -> bool:
        if self._gathering.needs_disk():
            return await asyncio.to_thread(self._gathering.look, entries)
        return self._gathering.look(entries)  # a thread would take longer

    async def _ask_what_runs(self, name: str) -> Program | None:
        view = await self._keeper.view(name)
        try:
            return None if view is None else Program.model_validate(view)
        except ValueError:
            return None  # of another version

    def _observe(self, sight: Sight) -> _Seen:
        known = self._seen.get(sight.name)
        if known is not None and known.sight is sight:
            return known
        return _Seen(sight, observe(sight, self._layout.state_dir))

    async def _tell(self, action: ProcessAction) -> None:
        if told := operation(action):
            await self._keeper.do(*told)

    async def _keep(self, action: Keep) -> None:
        name, program = action
        if name in self._gathering.leftovers:
            await self._clean(name)
        if program.mode == "cron" and program.started:
            await asyncio.to_thread(self._notes.arm, name, program.schedule or "")
        await self._tell(action)

    def _write_record(self, action: WriteRecord) -> None:
        """Write it down; a lost record is written again, so nobody waits for the disk."""
        name, program, revision = action
        if program.mode == "cron":
            self._notes.reschedule(name, program.schedule or "")
        folder = self._layout.records
        record = write_record(folder, name, program, revision, put=self._spare.put)
        self._records.know(name, record)

    async def _begin(self, action: Start | Replace | Run) -> None:
        match action:
            case Start(name, program):
                await self._check(name, program)
                if program.mode == "cron":
                    await asyncio.to_thread(self._notes.arm, name, program.schedule or "")
                await self._tell(action)
            case Replace(name, program):
                await self._check(name, program)
                await self._tell(action)
                await self._settling.wait_for(name)
            case Run(name):
                await asyncio.to_thread(self._notes.run, name)
                await self._tell(action)

    async def _check(self, name: str, program: Program) -> None:
        await self._checked.do(Beginning(name, program, self._gathering.pid(name)))

    async def _remove(self, action: Remove) -> None:
        (name,) = action
        if name in self._gathering.leftovers:
            await self._clean(name)
        await self._tell(action)
        await self._settling.wait_for(name)
        await asyncio.to_thread(self._forget, name)

    async def _clean(self, name: str) -> None:
        """Take ``name`` out of what a time without the keeper has left."""
        await self._supervisord.stop(name)
        await self._supervisord.remove(name)
        await self._file.put(name, None)

    def _forget(self, name: str) -> None:
        self._notes.forget(name)
        self._records.remove(name)
        self._gathering.forget(name)
        (self._layout.runs / f"{name}.json").unlink(missing_ok=True)
