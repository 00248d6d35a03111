"""Requests that can be measured in two ways: none of them is two."""

from __future__ import annotations

import asyncio

import pytest

from .conftest import Backend, Gateway, MakeBackend

pytestmark = pytest.mark.real

SMUGGLED = b"GET /b/smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
ZERO = b"0\r\n\r\n"


def post(*headers: bytes, body: bytes = b"", line: bytes = b"POST /a/x HTTP/1.1") -> bytes:
    return line + b"\r\nHost: h\r\n" + b"".join(headers) + b"\r\n" + body


def length(size: int | bytes) -> bytes:
    return b"Content-Length: %b\r\n" % (size if isinstance(size, bytes) else b"%d" % size)


WHOLE = length(len(SMUGGLED))
# Each is sent as it stands, and then the connection is left open for what follows.
TWICE_MEASURED = {
    "length and chunks": post(WHOLE, CHUNKED, body=ZERO + SMUGGLED),
    "chunks and length": post(CHUNKED, WHOLE, body=ZERO + SMUGGLED),
    "short length and chunks": post(length(4), CHUNKED, body=b"5c\r\n" + SMUGGLED + ZERO),
    "two lengths": post(length(0), WHOLE, body=SMUGGLED),
    "two equal lengths": post(WHOLE, WHOLE, body=SMUGGLED),
    "lengths in a list": post(length(b"0, 43"), body=SMUGGLED),
    "a signed length": post(length(b"+0"), body=SMUGGLED),
    "a negative length": post(length(b"-1"), body=SMUGGLED),
    "a length in hex": post(length(b"0x2b"), body=SMUGGLED),
    "an empty length": post(length(b""), body=SMUGGLED),
    "a length with a space inside": post(length(b"4 3"), body=SMUGGLED),
    "a huge length": post(length(b"99999999999999999999"), body=SMUGGLED),
    "chunked twice": post(CHUNKED, CHUNKED, body=ZERO + SMUGGLED),
    "chunked in a list": post(b"Transfer-Encoding: identity, chunked\r\n", body=ZERO + SMUGGLED),
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked\r\n", body=ZERO + SMUGGLED),
    "an unknown coding": post(b"Transfer-Encoding: cow\r\n", body=SMUGGLED),
    "identity": post(b"Transfer-Encoding: identity\r\n", WHOLE, body=SMUGGLED),
    "xchunked": post(b"Transfer-Encoding: xchunked\r\n", body=ZERO + SMUGGLED),
    "a quoted coding": post(b'Transfer-Encoding: "chunked"\r\n', body=ZERO + SMUGGLED),
    "a tab before chunked": post(b"Transfer-Encoding:\tchunked\r\n", WHOLE, body=ZERO + SMUGGLED),
    "a vertical tab": post(b"Transfer-Encoding: \x0bchunked\r\n", WHOLE, body=ZERO + SMUGGLED),
    "a space before the colon": post(b"Transfer-Encoding : chunked\r\n", WHOLE, body=SMUGGLED),
    "a folded header": post(b"Transfer-Encoding:\r\n chunked\r\n", WHOLE, body=ZERO + SMUGGLED),
    "a folded length": post(b"Content-Length:\r\n 0\r\n", body=SMUGGLED),
    "an underscore": post(b"Transfer_Encoding: chunked\r\n", WHOLE, body=SMUGGLED),
    "a bare newline": post(b"X: y\n" + CHUNKED, WHOLE, body=ZERO + SMUGGLED),
    "a bare return": post(b"X: y\r" + CHUNKED, WHOLE, body=SMUGGLED),
    "a null in a header": post(b"X: \x00y\r\n", WHOLE, body=SMUGGLED),
    "chunked in HTTP/1.0": post(CHUNKED, body=ZERO + SMUGGLED, line=b"POST /a/x HTTP/1.0"),
    "a body of GET": post(WHOLE, body=SMUGGLED, line=b"GET /a/x HTTP/1.1"),
    "chunks of GET": post(CHUNKED, body=b"2b\r\n" + SMUGGLED, line=b"GET /a/x HTTP/1.1"),
    "a body of HEAD": post(WHOLE, body=SMUGGLED, line=b"HEAD /a/x HTTP/1.1"),
    "a chunk size with a sign": post(CHUNKED, body=b"+0\r\n\r\n" + SMUGGLED),
    "a chunk size in 0x": post(CHUNKED, body=b"0x0\r\n\r\n" + SMUGGLED),
    "a chunk size that overflows": post(CHUNKED, body=b"f" * 17 + b"\r\n" + SMUGGLED),
    "an extension with a newline": post(CHUNKED, body=b"0;\n\r\n\r\n" + SMUGGLED),
    "a chunk without its end": post(CHUNKED, body=b"1\r\nxx" + SMUGGLED),
    "h2c": post(b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n"),
    "an upgrade with a body": post(
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n", WHOLE, body=SMUGGLED
    ),
    "the length is named by Connection": post(
        b"Connection: keep-alive, Content-Length\r\n", WHOLE, body=SMUGGLED
    ),
    "expect": post(b"Expect: 100-continue\r\n", WHOLE, body=SMUGGLED),
    "an odd expectation": post(b"Expect: 100-continue, x\r\n", WHOLE, body=SMUGGLED),
    "a version of its own": post(WHOLE, body=SMUGGLED, line=b"POST /a/x HTTP/1.2"),
    "HTTP/2 on a line": post(WHOLE, body=SMUGGLED, line=b"PRI * HTTP/2.0"),
    "CONNECT": post(WHOLE, body=SMUGGLED, line=b"CONNECT /b/x HTTP/1.1"),
    "TRACE": post(WHOLE, body=SMUGGLED, line=b"TRACE /a/x HTTP/1.1"),
    "no version": b"GET /b/smuggled\r\n\r\n",
    "a space in the path": post(line=b"GET /a/x /b/smuggled HTTP/1.1"),
    "a return in the path": post(line=b"GET /a/x\r/b/smuggled HTTP/1.1"),
    "a line in the query": post(line=b"GET /a/x?\r\nGET /b/smuggled HTTP/1.1"),
    "two hosts": b"GET /a/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET /a/x HTTP/1.1\r\n\r\n",
    "a host with a path": b"GET /a/x HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a host with a user": b"GET /a/x HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "a host with a line": b"GET /a/x HTTP/1.1\r\nHost: a\x0bb\r\n\r\n",
    "an absolute target with a path below": post(line=b"GET http://h/a/../b/smuggled HTTP/1.1"),
    "an asterisk": post(line=b"OPTIONS * HTTP/1.1"),
    "a continued line": b"GET /a/x HTTP/1.1\r\n Host: h\r\nHost: h\r\n\r\n",
    "a header without a name": b"GET /a/x HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n",
}

STATUSES = {b"", b"100", b"200", b"400", b"405", b"411", b"417", b"501", b"505"}


@pytest.fixture
async def pair(gateway: Gateway, make_backend: MakeBackend) -> tuple[Backend, Backend]:
    """/a/ and /b/, each a program of its own."""
    first, second = await make_backend(), await make_backend()
    await gateway.serve(
        a={"match": {"pathPrefix": "/a/"}, "proxy": {"backend": first.url}},
        b={"match": {"pathPrefix": "/b/"}, "proxy": {"backend": second.url}},
    )
    return first, second


async def send(gateway: Gateway, payload: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(payload)
    said = b""
    try:
        async with asyncio.timeout(0.3):
            while block := await reader.read(65536):
                said += block
    except (TimeoutError, ConnectionError):
        pass
    writer.transport.abort()
    return said


async def test_nothing_is_smuggled(gateway: Gateway, pair: tuple[Backend, Backend]) -> None:
    """However a request is measured, what is inside of it is never a request of its own.

    What follows a complete request on the same connection is the client's next one, and goes
    through the same door: it counts only when a program gets it that the door would not have
    sent it to.
    """
    first, second = pair
    results = await asyncio.gather(*(send(gateway, one) for one in TWICE_MEASURED.values()))
    for name, said in zip(TWICE_MEASURED, results, strict=True):
        if said.startswith(b"HTTP/"):  # HTTP/0.9 is answered without a head
            assert said[9:12] in STATUSES, (name, said)
    heads = b"".join(first.requests)
    assert b"smuggled" not in heads
    for head in first.requests:
        assert head.split(b" ")[1].startswith(b"/a/"), head
        assert head.lower().count(b"\r\ncontent-length:") <= 1, head
        assert b"\r\ntransfer-encoding:" not in head.lower(), head
        assert head.lower().count(b"\r\nhost:") == 1, head
        assert b"h2c" not in head.lower()
    for head in second.requests:  # only as the next request of a client
        assert head.startswith(b"GET /b/smuggled HTTP/1.1\r\n"), head
        assert head.lower().count(b"\r\nx-forwarded-for:") == 1, head


async def test_a_kept_connection_is_not_poisoned(
    gateway: Gateway, pair: tuple[Backend, Backend]
) -> None:
    """While they come, and after them, every other client still gets its own answer."""

    async def ask(n: int) -> None:
        assert (await gateway.echo(f"/a/{n}"))["target"] == f"/a/{n}"

    await asyncio.gather(
        *(send(gateway, one) for one in TWICE_MEASURED.values()), *(ask(n) for n in range(60))
    )
    await asyncio.gather(*(ask(n) for n in range(60)))


@pytest.mark.parametrize("query", ["%0d%0aX-Evil:%201", "%E5%98%8A%E5%98%8DX-Evil:1"])
async def test_no_line_comes_out_of_a_query(gateway: Gateway, query: str) -> None:
    """What is encoded stays encoded, in redirects too."""
    await gateway.serve(r={"match": {"pathPrefix": "/r/"}, "redirect": {"toPrefix": "/new/"}})
    answer = await gateway.get(f"/r/x?{query}")
    assert answer.status_code == 302
    assert "x-evil" not in answer.headers
    assert answer.headers["Location"] == f"/new/x?{query}"
