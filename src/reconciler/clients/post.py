"""HTTP over a unix socket, as little of it as one request at a time over one connection takes.

A library for all of HTTP costs three times what supervisord needs for the whole answer.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, Protocol

WELL: Final = b"200"
ROOM: Final = 1 << 20
"""Bytes a head may have."""


class AnswerError(Exception):
    """What came back is no good answer."""


class Wire(Protocol):
    """Takes one request at a time to one server and brings the answer's content."""

    async def post(self, body: bytes) -> bytes:
        """Send ``body``. Raises OSError when nobody is there, AnswerError for a bad answer."""
        ...

    async def aclose(self) -> None:
        """End the connection."""
        ...


class Post:
    """POST requests to one path behind a unix socket; the connection is kept."""

    def __init__(self, socket: Path, target: str, content_type: str) -> None:
        self._socket = socket
        head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
        self._head = head.encode() + b"Content-Length: "
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> bytes:
        """Send ``body``; the content of the answer."""
        reader, writer = self._streams or await self._connect()
        if reader.at_eof():  # it went away since
            self._drop()
            reader, writer = await self._connect()
        try:
            writer.write(self._head + b"%d\r\n\r\n" % len(body) + body)
            content = await _answer(reader)
        except asyncio.IncompleteReadError as exc:
            self._drop()
            raise ConnectionResetError("the answer broke off") from exc
        except BaseException:
            self._drop()  # the rest of that answer must not be taken for the next one
            raise
        return content

    async def aclose(self) -> None:
        """End the connection."""
        self._drop()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._streams = await asyncio.open_unix_connection(str(self._socket), limit=ROOM)
        return self._streams

    def _drop(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    try:
        first, *rows = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    except asyncio.LimitOverrunError as exc:
        raise AnswerError("a head without an end") from exc
    fields = {
        name.lower(): value.strip() for name, _, value in (row.partition(b":") for row in rows)
    }
    length = fields.get(b"content-length", b"")
    if not first.startswith(b"HTTP/1.") or not length.isdigit():
        raise AnswerError("no answer of this kind of server")
    content = await reader.readexactly(int(length))
    if first.split(b" ")[1:2] != [WELL]:
        raise AnswerError(first.partition(b" ")[2].decode("latin-1"))
    return content
