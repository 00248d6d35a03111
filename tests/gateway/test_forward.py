"""How requests are handed on: to which backends, within which limits."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from .certificates import self_signed
from .conftest import Backend, Gateway, MakeBackend

pytestmark = pytest.mark.real


async def test_a_socket_is_a_backend(
    gateway: Gateway, make_backend: MakeBackend, tmp_path: Path
) -> None:
    """A program that listens on a unix socket is served like any other."""
    path = gateway.parts.place.state_dir / "app.sock"
    await make_backend(socket=path)
    await gateway.serve(app={"proxy": {"backend": f"unix:{path}"}})
    said = await gateway.echo("/x?y", headers={"Host": "app.example"})
    assert (said["target"], said["headers"]["host"]) == ("/x?y", "app.example")


async def test_the_stacks_own_sockets_are_no_backends(gateway: Gateway) -> None:
    """A route to the control socket would let anybody change routes."""
    own = gateway.parts.place.run / "gateway.sock"
    with pytest.raises(Exception, match="the stack's own"):
        await gateway.parts.routes.apply(gateway.put("own", {"proxy": {"backend": f"unix:{own}"}}))
    link = gateway.parts.place.state_dir / "link.sock"
    link.symlink_to(own)
    with pytest.raises(Exception, match="the stack's own"):
        await gateway.parts.routes.apply(gateway.put("own", {"proxy": {"backend": f"unix:{link}"}}))


@pytest.fixture
async def tls_backend(make_backend: MakeBackend, tmp_path: Path) -> Backend:
    """A backend that speaks TLS, with a certificate nobody vouches for."""
    pair = self_signed(tmp_path, "app.example")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    return await make_backend(tls=context)


async def test_a_certificate_nobody_vouches_for_is_refused(
    gateway: Gateway, tls_backend: Backend
) -> None:
    """Nothing is sent to a backend that cannot show who it is; not unless a route says so."""
    url = f"https://127.0.0.1:{tls_backend.port}"
    tls = {"verify": False}
    await gateway.serve(
        strict={"match": {"pathPrefix": "/strict"}, "proxy": {"backend": url}},
        loose={"match": {"pathPrefix": "/loose"}, "proxy": {"backend": url, "tls": tls}},
    )
    refused = await gateway.get("/strict")
    assert refused.status_code in {502, 503}
    assert tls_backend.requests == []
    said = await gateway.echo("/loose/x")
    assert (said["target"], said["headers"]["x-forwarded-proto"]) == ("/loose/x", "http")


@pytest.mark.parametrize("buffering", ["auto", "on", "off"])
async def test_a_certificate_of_the_right_name_is_accepted(
    gateway: Gateway, tls_backend: Backend, tmp_path: Path, buffering: str
) -> None:
    """Verified against what the machine trusts, for the name that is asked for."""
    gateway.parts.gateway.folder.roots = str(tmp_path / "pair.crt")
    await gateway.configure()
    base = {"backend": f"https://127.0.0.1:{tls_backend.port}", "buffering": buffering}
    right = {**base, "tls": {"serverName": "app.example"}}
    wrong = {**base, "tls": {"serverName": "other.example"}}
    await gateway.serve(
        right={"match": {"pathPrefix": "/right"}, "proxy": right},
        wrong={"match": {"pathPrefix": "/wrong"}, "proxy": wrong},
    )
    before = tls_backend.connections
    for _ in range(6):
        assert (await gateway.echo("/right"))["target"] == "/right"
    assert tls_backend.connections - before <= 2, "connections are kept"
    assert (await gateway.get("/wrong")).status_code in {502, 503}


async def test_the_host_may_be_the_backends_own(gateway: Gateway, backend: Backend) -> None:
    """What a program is told was asked for: the client's word, or its own address."""
    own = {"backend": backend.url, "hostHeader": "backend"}
    await gateway.serve(own={"proxy": own})
    said = await gateway.echo("/", headers={"Host": "a.example"})
    assert said["headers"]["host"] == f"127.0.0.1:{backend.port}"
    assert said["headers"]["x-forwarded-host"] == "a.example"


async def test_a_route_may_take_less(gateway: Gateway, backend: Backend) -> None:
    """A body over the route's limit is refused, announced or not, and reaches nobody."""
    await gateway.serve(small={"proxy": {"backend": backend.url, "maxBody": 1000}})
    assert (await gateway.client.post("/", content=b"x" * 1000)).status_code == 200
    count = len(backend.requests)
    over = await gateway.client.post("/", content=b"x" * 1001)
    assert (over.status_code, "larger than" in over.text) == (413, True)

    async def pieces() -> object:
        for _ in range(40):
            yield b"x" * 1000

    unannounced = await gateway.client.post("/", content=pieces())
    assert unannounced.status_code == 413
    assert len(backend.requests) == count


async def test_a_large_body_is_refused_with_a_page(gateway: Gateway, backend: Backend) -> None:
    """Over the limit of the gateway: refused unread, in words a client can read."""
    await gateway.serve(default=backend.url)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n")
    writer.write(b"Content-Length: 104857601\r\n\r\n")
    assert (await reader.readline()).split(b" ")[1] == b"413"
    said = await asyncio.wait_for(reader.readuntil(b"}"), 5)
    assert b'"error":"this request is larger than this address takes"' in said
    writer.close()


async def test_a_hundred_mebibytes_pass(gateway: Gateway, backend: Backend) -> None:
    """The largest upload that is allowed arrives whole."""
    await gateway.serve(default=backend.url)
    block = b"x" * 1_048_576

    async def pieces() -> object:
        for _ in range(100):
            yield block

    headers = {"Content-Length": str(100 * len(block))}
    answer = await gateway.client.post("/", content=pieces(), headers=headers, timeout=60)
    assert answer.json()["size"] == 100 * len(block)


@pytest.mark.parametrize(("buffering", "early"), [("auto", False), ("off", True)])
async def test_uploads_may_pass_as_they_come(
    gateway: Gateway, backend: Backend, buffering: str, early: bool
) -> None:
    """With `off` a program hears of an upload before the client has sent all of it."""
    await gateway.serve(up={"proxy": {"backend": backend.url, "buffering": buffering}})
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345")
    if early:
        await asyncio.wait_for(backend.asked.wait(), 5)
    else:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(backend.asked.wait(), 0.3)
    writer.write(b"67890")
    assert b" 200 OK" in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


@pytest.mark.parametrize("buffering", ["auto", "off"])
async def test_event_streams_pass_as_they_come(
    gateway: Gateway, backend: Backend, buffering: str
) -> None:
    """No event waits for the next one."""
    await gateway.serve(sse={"proxy": {"backend": backend.url, "buffering": buffering}})
    async with gateway.client.stream("GET", "/events") as response:
        assert await asyncio.wait_for(anext(response.aiter_lines()), 3) == "data: first"


async def test_a_slow_client_holds_no_program_up(gateway: Gateway, backend: Backend) -> None:
    """With `on` the program is done long before the client has read its answer."""
    await gateway.serve(big={"proxy": {"backend": backend.url, "buffering": "on"}})
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
    writer.write(b"GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    await asyncio.wait_for(backend.done.wait(), 10)
    size = 0
    while block := await reader.read(1 << 20):
        size += len(block)
    assert size > 30_000_000
    writer.close()
