"""What a worker remembers of a decision is what it would decide anew."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from reconciler.clients.table import DropEntry

from .conftest import Backend, Gateway, MakeBackend

pytestmark = pytest.mark.real


def to(backend: Backend, priority: int, **match: object) -> dict[str, object]:
    return {"priority": priority, "match": match, "proxy": {"backend": backend.url}}


async def who(gateway: Gateway, backends: dict[str, Backend], request: str) -> str:
    """The name of the backend that got a request."""
    before = {name: len(one.requests) for name, one in backends.items()}
    assert b" 200 OK" in await gateway.raw(f"{request}\r\nConnection: close\r\n\r\n".encode())
    [found] = [name for name, one in backends.items() if len(one.requests) > before[name]]
    return found


async def test_every_fact_that_decides_counts(gateway: Gateway, make_backend: MakeBackend) -> None:
    """Host, method, headers and path decide each time, though all but one are as before."""
    backends = {name: await make_backend() for name in ("plain", "post", "host", "header")}
    await gateway.serve(
        backends["plain"].url,
        post=to(backends["post"], 1, pathPrefix="/a", methods=["POST"]),
        host=to(backends["host"], 2, host="other.x", pathPrefix="/a"),
        header=to(backends["header"], 3, headers=[{"name": "X-Env", "equals": "test"}]),
    )
    for method, host, env, path in [
        *product(("GET", "POST"), ("h.x", "other.x"), ("", "test"), ("/a/1", "/b?x=/a")),
    ] * 2:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Content-Length: 0"]
        lines += [f"X-Env: {env}"] if env else []
        expected = "plain"
        if path == "/a/1":
            expected = "host" if host == "other.x" else "post" if method == "POST" else "plain"
        if env:
            expected = "header"
        assert await who(gateway, backends, "\r\n".join(lines)) == expected, lines


CLAIMS = """\
Host: {host}
X-Forwarded-For: 9.9.9.9
X-Forwarded-Host: claimed.x
X-Forwarded-Port: 99
X-Forwarded-Proto: https
X-Forwarded-Anything: 1
X-Real-IP: 9.9.9.9
X-Reconciler-Client: me
X-Own: 1
Forwarded: for=9.9.9.9
Proxy: evil
Keep-Alive: 5
"""


@pytest.mark.parametrize("trusted", [[], ["10.0.0.0/8"], ["127.0.0.0/8"]])
async def test_programs_are_told_the_same_on_either_way(
    gateway: Gateway, backend: Backend, trusted: list[str]
) -> None:
    """Whatever a client claims, and whoever is believed: all headers, byte for byte."""
    await gateway.configure(trustedProxies=trusted)
    plain = {"match": {"pathPrefix": "/a"}, "proxy": {"backend": backend.url}}
    longer = {"match": {"pathPrefix": "/b"}, "proxy": {"backend": backend.url, "maxBody": 99}}
    await gateway.serve(plain=plain, longer=longer)
    hosts = ("h", "H.x", "h:99", "h.x.:80", "[::1]:5", "127.0.0.1")
    for host, claims in product(hosts, (CLAIMS, "Host: {host}\n")):
        lines = claims.format(host=host).replace("\n", "\r\n")
        for path in ("/a", "/b"):
            wire = f"GET {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n"
            assert b" 200 OK" in await gateway.raw(wire.encode())
        quick, slow = backend.requests[-2:]
        assert quick.replace(b"GET /a ", b"GET /b ") == slow


async def test_a_change_is_not_missed(gateway: Gateway, make_backend: MakeBackend) -> None:
    """Asked over one connection after another, in either worker: nothing old is remembered."""
    backends = {name: await make_backend() for name in ("one", "two")}
    ask = "GET /x HTTP/1.1\r\nHost: h"
    await gateway.serve(backends["one"].url)
    for _ in range(10):
        assert {await who(gateway, backends, ask) for _ in range(6)} == {"one"}
        await gateway.serve(x=to(backends["two"], 1, pathEqual="/x"))
        assert {await who(gateway, backends, ask) for _ in range(6)} == {"two"}
        await gateway.parts.table.change(DropEntry("x"))


async def test_our_own_door_is_closed(gateway: Gateway, backend: Backend) -> None:
    """The location of the long way is not an address."""
    await gateway.serve(backend.url)
    assert (await gateway.get("/.reconciler/decide")).status_code == 404
    assert not backend.requests


async def test_what_strangers_choose_is_not_kept_at_any_length(
    gateway: Gateway, backend: Backend
) -> None:
    """Thousands of methods of seven thousand letters each leave a worker as large as it was."""
    await gateway.serve(backend.url)

    async def ask(first: int) -> None:
        asks = (
            f"{'M' * 7000}{_letters(n)} / HTTP/1.1\r\nHost: h\r\n\r\n"
            for n in range(first, first + 500)
        )
        last = "".join(asks).removesuffix("\r\n") + "Connection: close\r\n\r\n"
        assert (await gateway.raw(last.encode())).count(b"HTTP/1.1 200") == 500

    await ask(0)
    before = await _resident(gateway)
    for first in range(500, 4500, 500):
        await ask(first)
    assert await _resident(gateway) - before < 12_000_000


def _letters(number: int) -> str:
    return "".join(chr(ord("A") + int(digit)) for digit in str(number))


async def _resident(gateway: Gateway) -> int:
    """Bytes of memory of all workers."""
    status = await gateway.parts.wire.status()
    return sum(map(_bytes_of, (one.pid for one in status.workers.values())))


def _bytes_of(pid: int) -> int:
    said = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", said)[1]) * 1024
