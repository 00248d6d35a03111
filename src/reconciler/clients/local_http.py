"""One HTTP request over a unix socket, with a connection of its own.

A library for all of HTTP takes ten times as long for it as the gateway takes for the answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

from ..core.model import Json

CLOSED: Final = "the connection was closed in the middle of an answer"


class Answer(NamedTuple):
    """What came back. Names of ``headers`` are in small letters."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def json(self) -> Json:
        """What the body says. Raises ValueError when it is no JSON."""
        return json.loads(self.content)


async def exchange(
    socket: Path, line: str, headers: Mapping[str, str], body: bytes, *, deadline: float
) -> Answer:
    """Send a request (``GET /status``) and read all that comes back.

    Raises OSError when nobody is there or somebody goes away, TimeoutError, and ValueError for
    what is no answer.
    """
    async with asyncio.timeout(deadline):
        reader, writer = await asyncio.open_unix_connection(str(socket))
        try:
            writer.write(_head(line, headers, len(body)))
            writer.write(body)
            return _read(await reader.read())
        finally:
            writer.transport.abort()


def _head(line: str, headers: Mapping[str, str], size: int) -> bytes:
    # 1.0: the answer comes in one piece, and its end is the end of the connection.
    rows = [f"{line} HTTP/1.0", "Host: localhost", f"Content-Length: {size}"]
    rows += [f"{name}: {value}" for name, value in headers.items()]
    return "".join(f"{row}\r\n" for row in [*rows, ""]).encode()


def _read(answer: bytes) -> Answer:
    head, blank, content = answer.partition(b"\r\n\r\n")
    if not blank:
        raise ConnectionResetError(CLOSED)
    first, *rows = head.decode("latin-1").split("\r\n")
    cut = (row.partition(":") for row in rows)
    fields = {name.lower(): value.strip() for name, _, value in cut}
    if len(content) < int(fields.get("content-length", 0)):
        raise ConnectionResetError(CLOSED)
    return Answer(int(first.split(" ")[1]), fields, content)
