"""One HTTP request over a unix socket, with a connection of its own.

A library for all of HTTP takes ten times as long for it as the gateway takes for the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx

CLOSED: Final = "the connection was closed in the middle of an answer"


async def exchange(
    socket: Path, line: str, headers: Mapping[str, str], body: bytes, *, deadline: float
) -> httpx.Response:
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


def _read(answer: bytes) -> httpx.Response:
    head, blank, content = answer.partition(b"\r\n\r\n")
    if not blank:
        raise ConnectionResetError(CLOSED)
    first, *rows = head.decode("latin-1").split("\r\n")
    fields = [(name, value.strip()) for name, _, value in (row.partition(":") for row in rows)]
    response = httpx.Response(int(first.split(" ")[1]), headers=fields, content=content)
    if len(content) < int(response.headers.get("content-length", 0)):
        raise ConnectionResetError(CLOSED)
    return response
