"""One connection to a server on a unix socket, and what comes back over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reconciler.clients.post import AnswerError, Post

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _server(folder: Path, talk: Talk) -> AsyncIterator[Post]:
    path = folder / "run" / "it.sock"
    path.parent.mkdir(exist_ok=True)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_unix_server(answer, str(path))
    post = Post(path, "/RPC2", "text/xml")
    try:
        yield post
    finally:
        await post.aclose()
        server.close()
        await server.wait_closed()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(row for row in head.split(b"\r\n") if row.startswith(b"Content-Length:"))
    return await reader.readexactly(int(length.partition(b":")[2]))


def _good(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nDate: now\r\ncontent-length: %d\r\n\r\n" % len(body) + body


async def test_one_connection_serves_all(stack_dir: Path) -> None:
    """Requests go over the same connection, and bytes that come one by one are an answer too."""
    connections = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while not reader.at_eof():
            for byte in _good(await _request(reader)):
                writer.write(bytes([byte]))
                await writer.drain()

    async with _server(stack_dir, echo) as post:
        assert [await post.post(text) for text in (b"one", b"", b"x" * 200_000)] == [
            b"one",
            b"",
            b"x" * 200_000,
        ]
        assert len(connections) == 1
        await post.aclose()


async def test_a_server_that_went_is_asked_anew(stack_dir: Path) -> None:
    """A connection that ended between two requests is no failure of the second."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_good(await _request(reader)))
        await writer.drain()

    async with _server(stack_dir, once) as post:
        for text in (b"one", b"two"):
            assert await post.post(text) == text
            await asyncio.sleep(0.02)


async def test_an_answer_that_breaks_off_is_an_error(stack_dir: Path) -> None:
    """Half an answer is none."""

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(_good(b"whole")[:-2])
        await writer.drain()

    async with _server(stack_dir, half) as post:
        with pytest.raises(ConnectionResetError):
            await post.post(b"x")


async def test_a_late_answer_is_never_taken_for_the_next(stack_dir: Path) -> None:
    """Whoever gives up leaves no answer behind for others."""
    late = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            body = await _request(reader)
            if body == b"first":
                await late.wait()
            writer.write(_good(body))
            await writer.drain()

    async with _server(stack_dir, slow) as post:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(post.post(b"first"), 0.02)
        second = asyncio.create_task(post.post(b"second"))
        await asyncio.sleep(0)
        late.set()
        assert await second == b"second"
        await post.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"SSH-2.0\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_what_is_no_good_answer_is_said(stack_dir: Path, answer: bytes) -> None:
    """A refusal, an answer of unknown length, another protocol."""

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(answer)
        await writer.drain()

    async with _server(stack_dir, other) as post:
        with pytest.raises(AnswerError):
            await post.post(b"x")
