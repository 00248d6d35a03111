"""The one table of routes: many change it at once, it is written as one."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from ..core.errors import ReconcileError, Transient
from ..core.model import Json
from .files import write_atomic
from .gateway import Conflict, RuleRefused, Status

ATTEMPTS: Final = 20  # against another writer each has an even chance
OWNER: Final = "reconciler"


class PutEntry(NamedTuple):
    """Have this rule in the table, as ours."""

    name: str
    rule: Mapping[str, Json]


class DropEntry(NamedTuple):
    """Have it there no longer."""

    name: str


class PutDefault(NamedTuple):
    """Have this default backend."""

    backend: str | None


Edit: TypeAlias = PutEntry | DropEntry | PutDefault


class Wire(Protocol):
    """What a table needs of a gateway."""

    async def status(self) -> Status: ...
    async def table(self) -> tuple[str, bytes] | None: ...
    async def put(self, raw: bytes, *, expected: str) -> None: ...


class Document(NamedTuple):
    """One version of the table. ``rules`` are as they were written, by name and in their order."""

    etag: str = "0-"
    raw: bytes = b""
    default_backend: str | None = None
    rules: Mapping[str, Mapping[str, Json]] = {}

    @property
    def version(self) -> int:
        return int(self.etag.partition("-")[0])


class _Asked(NamedTuple):
    edit: Edit
    answer: asyncio.Future[None]


class Table:
    """What the gateway serves. ``file`` is where its next start finds it."""

    def __init__(self, wire: Wire, file: Path) -> None:
        self._wire = wire
        self._file = file
        self._seen = Document()
        self._asked: list[_Asked] = []
        self._writer: asyncio.Task[None] | None = None
        self._disk = asyncio.Lock()

    async def look(self) -> tuple[Status, Document]:
        """What is served. A version that was read before is not read again."""
        status = await self._wire.status()
        if status.etag != self._seen.etag:
            self._seen = await self._read()
        return status, self._seen

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
        if not self._seen.raw:
            return True
        return await asyncio.to_thread(read_bytes, self._file) == self._seen.raw

    async def kept_default(self) -> str | None:
        """The default backend the next start would find; None when it would find no table."""
        raw = await asyncio.to_thread(read_bytes, self._file)
        try:
            return _parse("", raw).default_backend if raw else None
        except Transient:
            return None

    async def _read(self) -> Document:
        found = await self._wire.table()
        return await asyncio.to_thread(_parse, *found) if found else Document()

    async def _keep(self, document: Document) -> None:
        async with self._disk:
            if document.raw:
                await asyncio.to_thread(write_atomic, self._file, document.raw)

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
            _, before = await self.look()
            after = await asyncio.to_thread(_edited, before, edits)
            if after is before:
                if not await self.kept():
                    await self._keep(before)
                return
            try:
                await self._wire.put(after.raw, expected=before.etag)
            except Conflict:
                continue
            self._seen = after
            await self._keep(after)
            return
        raise Conflict("somebody else keeps changing the table of routes", reason="TableChanged")


def read_bytes(path: Path) -> bytes | None:
    """The content of a file; None when there is none. Raises Transient when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Transient(f"cannot read {path}: {exc.strerror}", reason="ReadFailed") from exc


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


def _parse(etag: str, raw: bytes) -> Document:
    try:
        said: Any = json.loads(raw)
        # An empty object is how some writers spell an empty list.
        rules = {rule["name"]: rule for rule in said["rules"] or ()}
    except (ValueError, KeyError, TypeError) as exc:
        raise Transient("the table of routes cannot be read", reason="TableUnreadable") from exc
    return Document(etag, raw, said.get("default_backend"), rules)


def _edited(before: Document, edits: Sequence[Edit]) -> Document:
    """``before`` with the edits; itself when they change nothing."""
    default, rules = before.default_backend, dict(before.rules)
    for edit in edits:
        match edit:
            case PutEntry(name, rule):
                rules[name] = {"name": name, "managed_by": OWNER, **rule}
            case DropEntry(name):
                rules.pop(name, None)
            case PutDefault(backend):
                default = backend
    if default == before.default_backend and rules == before.rules:
        return before
    return _written(before.version + 1, default, rules)


def _written(
    version: int, default: str | None, rules: Mapping[str, Mapping[str, Json]]
) -> Document:
    content = {"default_backend": default, "rules": list(rules.values())}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    head = f'{{"version":{version},"digest":"{digest}",'
    return Document(f"{version}-{digest}", (head + text[1:]).encode(), default, rules)
