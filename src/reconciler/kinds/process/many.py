"""The steps of many programs in few calls: a wave is brought up, or taken away, as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

from ...clients.keeper import Keeper
from ...core.errors import ReconcileError, Transient
from .actions import Keep, ProcessAction, Remove, Replace, Start, Stop, WriteRecord
from .checks import Start as Beginning
from .settling import Settling
from .telling import operation

Work: TypeAlias = Mapping[str, Sequence[ProcessAction]]
Found: TypeAlias = dict[str, ReconcileError | None]

CHUNK: Final = 25
"""So many are started while the records of the next ones are written."""
FEW: Final = 2
"""For so many a thread would take longer than the work."""
_BRINGS: Final = (WriteRecord, Keep, Start, Replace)


class Disk(NamedTuple):
    """What is done there; all of it blocks.

    The record of a start, a look at what would keep it from starting, and the end of all traces.
    """

    write: Callable[[WriteRecord], None]
    check: Callable[[Beginning], None]
    forget: Callable[[str], None]


class Many:
    """Does the steps of many programs of one keeper."""

    def __init__(
        self, keeper: Keeper, disk: Disk, settling: Settling, *, pid: Callable[[str], int]
    ) -> None:
        self._keeper = keeper
        self._disk = disk
        self._settling = settling
        self._pid = pid

    async def do(self, work: Work) -> Found:
        """Each in order, up to the first step that fails; what became of those that are such."""
        coming = {name: steps for name, steps in work.items() if _brings(steps)}
        going = [name for name, steps in work.items() if _takes_away(steps)]
        found: Found = {}
        if going:
            found |= await self._take_away(going)
        if coming:
            found |= await self._bring(coming)
            if ending := [name for name, own in coming.items() if _ends(own) and not found[name]]:
                found |= await self._until_ended(ending)
        return found

    async def _until_ended(self, names: Sequence[str]) -> Found:
        try:
            return {**await self._settling.wait(names)}
        except ReconcileError as exc:  # those that were only started have nothing to do with it
            return dict.fromkeys(names, exc)

    async def _bring(self, work: Work) -> Found:
        if len(work) <= CHUNK:
            return await self._bring_some(work)
        found: Found = {}
        sent: list[asyncio.Task[Found]] = []
        rest = iter(work.items())
        async with asyncio.TaskGroup() as group:
            while chunk := dict(islice(rest, CHUNK)):
                whys = await _aside(len(chunk), partial(self._prepare_all, chunk))
                found |= whys
                sent.append(group.create_task(self._send(_good(chunk, whys))))
        return found | {name: why for task in sent for name, why in task.result().items()}

    async def _bring_some(self, work: Work) -> Found:
        whys = await _aside(len(work), partial(self._prepare_all, work))
        return whys | await self._send(_good(work, whys))

    def _prepare_all(self, work: Work) -> Found:
        return {name: _try(partial(self._prepare, steps)) for name, steps in work.items()}

    def _prepare(self, steps: Sequence[ProcessAction]) -> None:
        for step in steps:
            match step:
                case WriteRecord():
                    self._disk.write(step)
                case Start(name, program) | Replace(name, program):
                    self._disk.check(Beginning(name, program, self._pid(name)))

    async def _send(self, work: Work) -> Found:
        """Say how they are kept and that they are to run, in one call."""
        told = [one for steps in work.values() for step in steps if (one := operation(step))]
        found: Found = dict.fromkeys(work)
        for (_, name, _), why in zip(told, await self._keeper.do_all(told), strict=True):
            found[name] = found[name] or why
        return found

    async def _take_away(self, names: Sequence[str]) -> Found:
        """The keeper ends what it is to forget."""
        whys = await self._keeper.do_all([("remove", name, {}) for name in names])
        found: Found = dict(zip(names, whys, strict=True))
        found |= await self._settling.wait([name for name, why in found.items() if why is None])
        gone = [name for name, why in found.items() if why is None]
        forgotten = {name: partial(self._disk.forget, name) for name in gone}
        return found | await _aside(
            len(gone), lambda: {name: _try(work) for name, work in forgotten.items()}
        )


def _brings(steps: Sequence[ProcessAction]) -> bool:
    return all(isinstance(one, _BRINGS) and one.program.mode != "cron" for one in steps)


def _ends(steps: Sequence[ProcessAction]) -> bool:
    return any(isinstance(one, Replace) for one in steps)


def _takes_away(steps: Sequence[ProcessAction]) -> bool:
    return [type(one) for one in steps] == [Stop, Remove]


def _good(work: Work, whys: Found) -> Work:
    return {name: work[name] for name, why in whys.items() if why is None}


async def _aside(count: int, work: Callable[[], Found]) -> Found:
    return work() if count <= FEW else await asyncio.to_thread(work)


def _try(work: Callable[[], None]) -> ReconcileError | None:
    try:
        work()
    except ReconcileError as exc:
        return exc
    except OSError as exc:
        return Transient(f"{exc.strerror}: {exc.filename}", reason="DiskFailed")
    return None
