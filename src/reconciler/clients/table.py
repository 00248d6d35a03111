"""The one table of routes: many change it at once, it is written as one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from ..core.errors import ReconcileError, Transient
from .document import (
    OWNER,
    Content,
    Document,
    DropEntry,
    Edit,
    Op,
    PutDefault,
    PutEntry,
    PutPool,
    parse_served,
)
from .gateway import Conflict, RuleRefused, Status
from .table_file import TableFile

__all__ = ["OWNER", "Document", "DropEntry", "Edit", "PutDefault", "PutEntry", "PutPool", "Table"]

ATTEMPTS: Final = 20  # against another writer each has an even chance
MANY: Final = 100
"""So many changes at once may be a new table."""


class Wire(Protocol):
    """What a table needs of a gateway."""

    async def status(self) -> Status: ...
    async def table(self) -> tuple[str, bytes] | None: ...
    async def put(self, raw: bytes, *, expected: str) -> None: ...
    async def patch(self, raw: bytes, *, expected: str) -> None: ...


class _Asked(NamedTuple):
    edit: Edit
    answer: asyncio.Future[None]


class Table:
    """What the gateway serves. ``file`` is where its next start finds it."""

    def __init__(self, wire: Wire, file: Path) -> None:
        self._wire = wire
        self._file = TableFile(file)
        self._content = Content(Document())
        self._seen: Document | None = None
        self._life = ""
        self._asked: list[_Asked] = []
        self._writer: asyncio.Task[None] | None = None
        self._disk = asyncio.Lock()

    async def look(self) -> tuple[Status, Document]:
        """What is served. A version that was read before, or made here, is not read again."""
        status = await self._wire.status()
        # One that came from the disk may have been changed there under its old name.
        if (status.etag, status.life) != (self._content.etag, self._life):
            before, found = self._content.etag, await self._read()
            if self._content.etag == before:  # nothing was changed here meanwhile
                self._content, self._seen, self._life = Content(found), found, status.life
        return status, self._document()

    async def change(self, edit: Edit) -> None:
        """Make one change. Changes asked for side by side become one version of the table."""
        answer = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(edit, answer))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await answer

    async def keep(self) -> None:
        """Write what is served to disk, for the next start."""
        _, document = await self.look()
        await self._keep(document)

    async def kept(self) -> bool:
        """Whether the next start would find what is served."""
        document = self._document()
        if not document.version:
            return True
        async with self._disk:
            return await asyncio.to_thread(self._file.holds, document)

    async def kept_default(self) -> str | None:
        """The default backend the next start would find; None when it would find no table."""
        found = await asyncio.to_thread(self._file.read)
        return found.default_backend if found else None

    def _document(self) -> Document:
        if self._seen is None:
            self._seen = self._content.snapshot()
        return self._seen

    async def _read(self) -> Document:
        found = await self._wire.table()
        return await asyncio.to_thread(parse_served, *found) if found else Document()

    async def _keep(self, document: Document) -> None:
        async with self._disk:
            if document.version:
                await asyncio.to_thread(self._file.replace, document)

    async def _write(self) -> None:
        await asyncio.sleep(0)  # whoever was woken together with the first may still ask
        while self._asked:
            batch, self._asked = self._asked, []
            try:
                await self._write_batch(batch)
            except BaseException as exc:  # whatever it is, those who wait must hear of it
                _tell(batch, exc if isinstance(exc, ReconcileError) else _ours(exc))
                if not isinstance(exc, Exception):
                    raise
            _tell(batch, None)
            await self._shorten()

    async def _shorten(self) -> None:
        """Write the file anew before its changes are more than its table; nobody waits for it."""
        if self._file.is_long:
            with suppress(ReconcileError):  # then it stays as it is, and is whole
                await self._keep(self._document())

    async def _write_batch(self, batch: list[_Asked]) -> None:
        """One refused rule is told to its owner; the others go on without it."""
        while batch:
            try:
                await self._push([asked.edit for asked in batch])
            except RuleRefused as exc:
                guilty = [asked for asked in batch if getattr(asked.edit, "name", "") == exc.rule]
                if not guilty:
                    raise
                _tell(guilty, exc)
                batch[:] = [asked for asked in batch if asked not in guilty]
            else:
                return

    async def _push(self, edits: Sequence[Edit]) -> None:
        for _ in range(ATTEMPTS):
            if not (ops := self._content.ops(edits)):
                before = self._content.etag
                _, document = await self.look()
                if document.etag != before:
                    continue  # another hand was there
                if not await self.kept():
                    await self._keep(document)
                return
            try:
                await self._send(ops)
            except Conflict:
                await self.look()
            else:
                return
        raise Conflict("somebody else keeps changing the table of routes", reason="TableChanged")

    async def _send(self, ops: Sequence[Op]) -> None:
        """A change costs what it says; most of a table anew is a new table."""
        if len(ops) > max(MANY, len(self._content.rules) // 2):
            await self._send_whole(ops)
        else:
            await self._send_change(ops)

    async def _send_change(self, ops: Sequence[Op]) -> None:
        before = self._content.etag
        etag, line = self._content.delta(ops)
        await self._wire.patch(line, expected=before)
        self._content.take(ops, etag)
        self._seen = None
        async with self._disk:
            written = await asyncio.to_thread(self._file.append, before, etag, line)
        if not written:
            await self._keep(self._document())

    async def _send_whole(self, ops: Sequence[Op]) -> None:
        before = self._content.etag
        fresh = Content(self._document())
        fresh.take(ops, before)
        etag, raw = await asyncio.to_thread(fresh.replaced)
        await self._wire.put(raw, expected=before)
        fresh.etag = etag
        self._content, self._seen = fresh, None
        await self._keep(self._document())


def _tell(batch: Sequence[_Asked], error: ReconcileError | None) -> None:
    for asked in batch:
        if asked.answer.done():
            continue
        if error is None:
            asked.answer.set_result(None)
        else:
            asked.answer.set_exception(error)


def _ours(exc: BaseException) -> ReconcileError:
    text = f"writing the table of routes failed: {type(exc).__name__}"
    return Transient(text, reason="InternalError")
