"""The table among many hands, and what the wire makes of trouble."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from reconciler.clients.document import Content, Document, parse
from reconciler.clients.gateway import Conflict, GatewayDown, GatewayWire, RuleRefused, Status
from reconciler.clients.table import DropEntry, PutDefault, PutEntry, Table
from reconciler.core.errors import Terminal, Transient

RULE = {"respond": {"status": 200}}


class MemoryWire:
    """A gateway that only holds a table."""

    def __init__(self) -> None:
        self.stored: tuple[str, bytes] | None = None
        self.writes = self.changes = 0
        self.conflicts = 0
        self.refuses: set[str] = set()
        self.error: Exception | None = None

    async def status(self) -> Status:
        etag = self.stored[0] if self.stored else "0-"
        return Status(etag, None, "", "", "", 0, {})

    async def table(self) -> tuple[str, bytes] | None:
        return self.stored

    async def put(self, raw: bytes, *, expected: str) -> None:
        await asyncio.sleep(0.01)
        if self.error:
            raise self.error
        if self.conflicts:
            self.conflicts -= 1
            raise Conflict("other", reason="TableChanged")
        assert expected == (await self.status()).etag
        said = json.loads(raw)
        for rule in said["rules"]:
            if rule["name"] in self.refuses:
                raise RuleRefused("bad", rule["name"])
        self.stored = (f"{said['version']}-{said['digest']}", raw)
        self.writes += 1

    async def patch(self, raw: bytes, *, expected: str) -> None:
        content = Content(parse(self.stored[1]) if self.stored else Document())
        content.follow(raw)
        await self.put(content.whole(), expected=expected)
        self.changes += 1

    def names(self) -> set[str]:
        return (
            {rule["name"] for rule in json.loads(self.stored[1])["rules"]} if self.stored else set()
        )


@pytest.fixture
def wire() -> MemoryWire:
    return MemoryWire()


@pytest.fixture
def table(wire: MemoryWire, tmp_path: Path) -> Table:
    return Table(wire, tmp_path / "table.json")


async def test_changes_side_by_side_are_one_version(
    table: Table, wire: MemoryWire, tmp_path: Path
) -> None:
    """A hundred routes of one wave cost one write, and the next start finds it."""
    edits = [PutEntry(f"r{n}", RULE) for n in range(100)]
    await asyncio.gather(*map(table.change, edits), table.change(PutDefault("http://1.1.1.1:1")))
    assert (wire.writes, len(wire.names())) == (1, 100)
    assert wire.stored
    assert (tmp_path / "table.json").read_bytes() == wire.stored[1]
    assert await table.kept()
    assert await table.kept_default() == "http://1.1.1.1:1"


async def test_what_changes_nothing_is_not_written(table: Table, wire: MemoryWire) -> None:
    """The same rule again, or the end of one that is not there."""
    await table.change(PutEntry("a", RULE))
    await asyncio.gather(table.change(PutEntry("a", RULE)), table.change(DropEntry("b")))
    assert wire.writes == 1


async def test_a_refused_rule_fails_alone(table: Table, wire: MemoryWire) -> None:
    """Its owner is told; the others are served."""
    wire.refuses = {"bad"}
    answers = await asyncio.gather(
        *(table.change(PutEntry(name, RULE)) for name in ("a", "bad", "b")), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [type(None), RuleRefused, type(None)]
    assert wire.names() == {"a", "b"}


async def test_another_writer_is_waited_out(table: Table, wire: MemoryWire) -> None:
    """A conflict is tried again on what the other wrote; for ever it is not."""
    wire.conflicts = 3
    await table.change(PutEntry("a", RULE))
    assert wire.names() == {"a"}
    wire.conflicts = 10**6
    with pytest.raises(Conflict, match="keeps changing"):
        await table.change(PutEntry("b", RULE))


async def test_a_failure_reaches_everybody_and_passes(table: Table, wire: MemoryWire) -> None:
    """Also one that nobody foresaw; the next change works."""
    for error in (GatewayDown("down", reason="GatewayDown"), RuntimeError("bug")):
        wire.error = error
        answers = await asyncio.gather(
            *(table.change(PutEntry(name, RULE)) for name in "ab"), return_exceptions=True
        )
        assert all(isinstance(answer, Transient) for answer in answers)
    wire.error = None
    await table.change(PutEntry("a", RULE))
    assert wire.names() == {"a"}


async def test_a_caller_that_gives_up_spoils_nothing(table: Table, wire: MemoryWire) -> None:
    """The others' changes are written all the same."""
    first = asyncio.create_task(table.change(PutEntry("a", RULE)))
    second = asyncio.create_task(table.change(PutEntry("b", RULE)))
    await asyncio.sleep(0.005)
    first.cancel()
    await second
    assert "b" in wire.names()


async def test_a_lost_file_is_noticed_and_kept_again(
    table: Table, wire: MemoryWire, tmp_path: Path
) -> None:
    """What is served and not on disk can be written again."""
    await table.change(PutEntry("a", RULE))
    (tmp_path / "table.json").write_bytes(b"torn")
    assert not await table.kept()
    assert await table.kept_default() is None
    await table.keep()
    assert await table.kept()


async def test_a_disk_that_refuses_is_said(wire: MemoryWire, tmp_path: Path) -> None:
    """The writer hears of it, with the path."""
    (tmp_path / "file").write_text("")
    table = Table(wire, tmp_path / "file" / "table.json")
    with pytest.raises(Transient, match=r"cannot write .*table\.json"):
        await table.change(PutEntry("a", RULE))


async def test_nobody_there_is_down(tmp_path: Path) -> None:
    """A gateway that does not run is told from one that says something odd."""
    wire = GatewayWire(tmp_path / "gateway.sock")
    with pytest.raises(GatewayDown, match="does not answer at"):
        await wire.status()
    await wire.aclose()


async def test_a_long_path_is_refused_at_once(tmp_path: Path) -> None:
    """A socket's path has a limit; the text says what to do."""
    with pytest.raises(Terminal, match="choose a shorter --state-dir"):
        GatewayWire(tmp_path / ("x" * 120) / "gateway.sock")


async def test_who_hangs_up_is_asked_once_more(tmp_path: Path) -> None:
    """At a reload a worker that leaves does. A write may have been taken: it is not sent twice."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
        if len(asked) > 1:
            writer.write(b"HTTP/1.1 404 Not Found\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "gateway.sock"):
        wire = GatewayWire(tmp_path / "gateway.sock")
        assert await wire.table() is None
        assert asked == [b"GET /table HTTP/1.0"] * 2
        asked.clear()
        with pytest.raises(GatewayDown):
            await wire.patch(b"{}", expected="0-")
        assert asked == [b"PATCH /table HTTP/1.0"]
