"""Whatever is sent: the rule that matched is the rule that the program's view would match."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from random import Random
from typing import Final

import pytest

from reconciler.kinds.route.match import Request, Table

from .conftest import Backend, Gateway, rule_of

pytestmark = pytest.mark.real

SOAK: Final = os.environ.get("RECONCILER_SOAK") == "1"
PATHS: Final = 5_000 if SOAK else 300

MATCHES: Final[Mapping[str, dict[str, object]]] = {
    "admin": {"pathPrefix": "/admin/", "methods": ["GET", "POST"]},
    "admin-exact": {"pathEqual": "/admin"},
    "api": {"pathPrefix": "/api/"},
    "api-v1": {"pathPrefix": "/api/v1"},
    "accent": {"pathPrefix": "/\u00e9/"},
    "secret": {"pathPrefix": "/api/secret;x"},
    "host": {"host": "example.com", "pathPrefix": "/h"},
    "below": {"host": "*.example.com", "pathPrefix": "/h"},
    "referer": {"pathPrefix": "/r", "refererSubstr": "webui"},
    "referer-regex": {"pathPrefix": "/r", "refererRegex": "^https://[^/]+/ui(/|$)"},
    "contains": {"pathPrefix": "/e", "headers": [{"name": "X-Env", "contains": "a, b"}]},
    "regex": {"pathPrefix": "/e", "headers": [{"name": "X-Env", "regex": "^[\\w-]+$"}]},
    "equals": {"pathPrefix": "/e", "headers": [{"name": "X-Env", "equals": "a"}]},
    "agent": {"pathPrefix": "/e", "headers": [{"name": "User-Agent", "regex": "(?i)bot"}]},
    "bytes": {"pathPrefix": "/e", "headers": [{"name": "X-Env", "contains": "\u00e9"}]},
}
BEGINNINGS: Final = ["", "", "admin/", "admin", "api/", "api/v1", "api/secret;x", "\u00e9/"]
PIECES: Final = [
    *("/", "//", "/./", "/../", "/..;/", "/.;/", "\\", "%2f", "%2F", "%5c", "%00", "%0a", "%0d%0a"),
    *("%2e", "%2e%2e", "%252e", "%252f", "..", ".", ";", ";x", ";/", "%3b", "%23", "%3f", "?", "#"),
    *("admin", "%61dmin", "ADMIN", "Admin", "api", "ap%69", "v1", "v%31", "secret", "h", "r", "e"),
    *("\u00e9", "%c3%a9", "%C3%A9", "e\u0301", "%c0%af", "%ff", "%", "%zz", "%4", "*", "@"),
    *(":", "+", "%20", "%09", "\x7f", "\x80", "~", "%7e", "&", "a=b&c=%2f", "http://h/", "%u002f"),
]  # fmt: skip
HEADERS: Final = [
    b"X-Env: a",
    b"x-env:a",
    b"X-ENV:  a  ",
    b"X-Env:\ta",
    b"X-Env: a\t",
    b"X-Env: a\r\nX-Env: b",
    b"X-Env: b\r\nx-env: a",
    b"X-Env: a, b",
    b"X-Env:",
    b"X-Env: \r\nX-Env: a",
    b"X_Env: a",
    b"X-Env : a",
    b" X-Env: a",
    b"X-Other: 1\r\n X-Env: a",
    b"X-Env: b\r\n a",
    b"X-Env: \xc3\xa9",
    b"X-Env: \xe9",
    b"X-Env: a\x00b",
    b"X-Env: " + b"a" * 2048,
    b"X-Env: " + b"a" * 2049,
    b"X-Env: " + b"a" * 30_000,
    b"User-Agent: GoogleBOT\r\nUser-Agent: x",
    b"User-Agent: x\r\nUser-Agent: robot",
    b"Connection: X-Env\r\nX-Env: a",
    b"Connection: close, x-env\r\nX-Env: a",
    b"X-Rule: evil\r\nX-Env: a",
    b"Referer: http://h/webui/",
    b"Referer: x\r\nReferer: http://h/webui/",
    b"Referer: http://h/webui/\r\nReferer: x",
    b"Referer: https://h/ui",
    b"Referer: https://h/ui\r\nReferer: https://h/ui",
    b"Referer:",
    b"Referer: \xff\xfewebui",
]
LINES: Final = [
    b"GET /h HTTP/1.1\r\nHost: example.com",
    b"GET /h HTTP/1.1\r\nHost: EXAMPLE.com:80",
    b"GET /h HTTP/1.1\r\nHost: example.com.",
    b"GET /h HTTP/1.1\r\nHost: a.example.com",
    b"GET /h HTTP/1.1\r\nHost: .example.com",
    b"GET /h HTTP/1.1\r\nHost: example.com@evil",
    b"GET /h HTTP/1.1\r\nHost: example.com/x",
    b"GET /h HTTP/1.1\r\nHost: evil\r\nHost: example.com",
    b"GET /h HTTP/1.1\r\nHost: evil\r\nX-Forwarded-Host: example.com",
    b"GET /h HTTP/1.1\r\nHost:",
    b"GET /h HTTP/1.1\r\nX: y",
    b"GET /h HTTP/1.0",
    b"GET /h HTTP/1.0\r\nHost: example.com",
    b"GET http://example.com/h HTTP/1.1\r\nHost: evil",
    b"GET http://evil/h HTTP/1.1\r\nHost: example.com",
    b"GET http://example.com HTTP/1.1\r\nHost: example.com",
    b"GET example.com/h HTTP/1.1\r\nHost: example.com",
    b"GET * HTTP/1.1\r\nHost: example.com",
    b"OPTIONS * HTTP/1.1\r\nHost: example.com",
    b"get /admin/x HTTP/1.1\r\nHost: h",
    b"POST /admin/x HTTP/1.1\r\nHost: h\r\nX-HTTP-Method-Override: PUT",
    b"PUT /admin/x HTTP/1.1\r\nHost: h\r\nX-HTTP-Method-Override: GET",
    b"GET  /admin/x HTTP/1.1\r\nHost: h",
    b"GET /admin/x y HTTP/1.1\r\nHost: h",
    b"GET /admin/x\tHTTP/1.1\r\nHost: h",
    b"GET /admin/x HTTP/1.1\r\nHost: h\r\nX-Original-URL: /api/\r\nX-Rewrite-URL: /api/",
    b"FOO /admin/x HTTP/1.1\r\nHost: h",
]


def requests(dice: Random) -> Iterator[bytes]:
    """Odd paths, odd request lines, odd headers: as they go over the wire."""
    for _ in range(PATHS):
        rest = "".join(dice.choice(PIECES) for _ in range(dice.randrange(6)))
        path = f"/{dice.choice(BEGINNINGS)}{rest}"
        yield b"GET " + path.encode("utf-8") + b" HTTP/1.1\r\nHost: h"
    yield from LINES
    for header in HEADERS:
        for path in (b"/e", b"/r"):
            yield b"GET " + path + b" HTTP/1.1\r\nHost: h\r\n" + header


def seen(head: bytes) -> tuple[Request, str | None]:
    """The request as the program has it, and the rule that the gateway says it took."""
    first, *rest = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, target, _ = first.split(b" ")
    headers: dict[str, str] = {}
    for line in rest:
        name, _, value = line.partition(b":")
        key, text = name.decode().lower(), value.strip(b" ").decode("utf-8", "surrogateescape")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    host = headers["host"].partition(":")[0]
    request = Request(target.partition(b"?")[0].decode(), host, method.decode(), None, headers)
    return request, headers.get("x-rule")


async def send(gateway: Gateway, head: bytes) -> bytes:
    """The status line of the answer; nothing when the connection is just closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(head + b"\r\nConnection: close\r\n\r\n")
    try:
        return (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n")[0]
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.timeout(600)
async def test_the_rule_that_matched_is_the_one_the_program_would_see(
    gateway: Gateway, backend: Backend
) -> None:
    """The twin, asked about what reached the program, names the rule that sent it there."""
    proxies = {
        name: {
            "match": match,
            "priority": priority,
            "proxy": {"backend": backend.url, "setHeaders": [{"name": "X-Rule", "value": name}]},
        }
        for priority, (name, match) in enumerate(MATCHES.items())
    }
    none = {"proxy": {"backend": backend.url, "setHeaders": [{"name": "X-Rule", "value": "none"}]}}
    await gateway.serve(none={**none, "priority": -1}, **proxies)
    table = Table({name: rule_of(spec) for name, spec in proxies.items()})
    passed, refused, ruled = 0, 0, set()
    for head in requests(Random(17)):
        before = len(backend.requests)
        status = await send(gateway, head)
        if len(backend.requests) == before:
            refused += 1
            assert not status.startswith(b"HTTP/1.1 2"), head
            continue
        passed += 1
        assert len(backend.requests) == before + 1, head
        request, rule = seen(backend.requests[-1])
        assert rule == (table.winner(request) or "none"), (head, request)
        ruled.add(rule)
    assert passed > 100
    assert refused > 100
    assert ruled >= MATCHES.keys()


async def test_an_answer_sends_nobody_inside(gateway: Gateway) -> None:
    """A program that names one of the gateway's own places gets its answer handed on, no more."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        place = b"@static" if b"table.json" in asked[-1] else b"/other"
        writer.write(b"HTTP/1.1 200 OK\r\nX-Accel-Redirect: " + place)
        writer.write(b"\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmine")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await gateway.serve(f"http://127.0.0.1:{port}")
        for path in ("/table.json", "/table.json", "/x", "/x"):
            answer = await gateway.get(path)
            assert (answer.status_code, answer.text) == (200, "mine")
    assert len(asked) == 4
