"""A rule that names one address: whether anybody takes its connections is told."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from reconciler.core.model import Health, HealthCode
from reconciler.engine.wake import open_bell
from reconciler.kinds.gateway import KIND as GATEWAY
from reconciler.kinds.route import KIND
from reconciler.testing import eventually_async, free_port

from .certificates import self_signed
from .conftest import Backend, Gateway, MakeBackend

pytestmark = pytest.mark.real


async def health(gateway: Gateway, name: str) -> Health:
    return KIND.health((await gateway.parts.routes.observe())[name])


async def is_degraded(gateway: Gateway, name: str, says: str) -> bool:
    found = await health(gateway, name)
    return found.code is HealthCode.DEGRADED and found.reason == "Refused" and says in found.message


async def is_healthy(gateway: Gateway, name: str) -> bool:
    return (await health(gateway, name)).code is HealthCode.HEALTHY


def at(path: str, backend: str, **more: object) -> dict[str, object]:
    return {"match": {"pathPrefix": path}, "proxy": {"backend": backend, **more}}


@pytest.mark.parametrize("written", ["127.0.0.1", "localhost"])
async def test_an_address_that_refuses_is_told(
    gateway: Gateway, make_backend: MakeBackend, written: str
) -> None:
    """By the quick way and by the long one; and no more, without an edit, once it accepts."""
    port, other = free_port(), free_port()
    url = f"http://{written}:{port}"
    await gateway.serve(
        web=at("/web", url),
        long=at("/long", url, stripPrefix=True),
        never=at("/never", f"http://127.0.0.1:{other}"),
    )
    rung = asyncio.Event()
    bell = await open_bell(gateway.parts.place.run / "wake.sock", rung.set)
    try:
        await eventually_async(lambda: is_healthy(gateway, "web"))
        assert (await gateway.get("/web")).status_code == 503
        await asyncio.wait_for(rung.wait(), 5)
        await eventually_async(
            lambda: is_degraded(gateway, "web", f"127.0.0.1:{port} refuses connections")
        )
        await eventually_async(lambda: is_degraded(gateway, "long", f"127.0.0.1:{port}"))
        await eventually_async(lambda: is_healthy(gateway, "never"))
        rung.clear()
        await make_backend(port=port)
        await asyncio.wait_for(rung.wait(), 10)
        await eventually_async(lambda: is_healthy(gateway, "web"))
        await gateway.echo("/web")
    finally:
        bell.close()


async def test_a_default_backend_that_refuses_is_told(
    gateway: Gateway, make_backend: MakeBackend
) -> None:
    """Of the Gateway, which names it, for as long as it is so; routes are as well as they were."""
    port = free_port()
    other = await make_backend()
    await gateway.serve(f"http://localhost:{port}", web=at("/web", other.url))

    async def judged() -> Health:
        return GATEWAY.health((await gateway.parts.gateway.observe())["gateway"])

    async def is_told() -> bool:
        return (await judged()).message == (
            f"the default backend at 127.0.0.1:{port} refuses connections"
        )

    async def serves() -> bool:
        return (await judged()).code is HealthCode.HEALTHY

    await eventually_async(serves)
    assert (await gateway.get("/any")).status_code == 503
    await eventually_async(is_told)
    await gateway.echo("/web")
    await eventually_async(lambda: is_healthy(gateway, "web"))
    await make_backend(port=port)
    await eventually_async(serves)
    await gateway.echo("/any")


async def test_a_socket_that_is_not_there_is_told(gateway: Gateway, tmp_path: Path) -> None:
    """Named as it is written; and nobody tries any more once the rule has gone elsewhere."""
    where = f"unix:{tmp_path}/app.sock"
    await gateway.serve(web=at("/web", where))
    assert (await gateway.get("/web")).status_code == 503
    await eventually_async(lambda: is_degraded(gateway, "web", where))
    await gateway.serve(web=at("/web", f"http://127.0.0.1:{free_port()}"))

    async def forgotten() -> bool:
        return (await gateway.parts.wire.status()).traffic.refusing == ()

    await eventually_async(forgotten)
    await eventually_async(lambda: is_healthy(gateway, "web"))


@pytest.fixture
async def tls_backend(make_backend: MakeBackend, tmp_path: Path) -> Backend:
    pair = self_signed(tmp_path, "app.example")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    return await make_backend(tls=context)


async def test_a_certificate_that_is_not_accepted_is_told(
    gateway: Gateway, tls_backend: Backend, tmp_path: Path
) -> None:
    """Of the rule it concerns only; the next request that is answered ends it, on any worker."""
    url = f"https://127.0.0.1:{tls_backend.port}"
    tls = {"serverName": "app.example"}
    await gateway.serve(
        strict=at("/strict", url, tls=tls), loose=at("/loose", url, tls={**tls, "verify": False})
    )
    for _ in range(4):
        assert (await gateway.get("/strict")).status_code in {502, 503}
    await gateway.echo("/loose")
    await eventually_async(
        lambda: is_degraded(gateway, "strict", f"{url} refuses connections, or its certificate")
    )
    await eventually_async(lambda: is_healthy(gateway, "loose"))
    gateway.parts.gateway.folder.roots = str(tmp_path / "pair.crt")
    await gateway.configure()

    async def served() -> bool:
        return (await gateway.get("/strict")).status_code == 200

    await eventually_async(served)
    await eventually_async(lambda: is_healthy(gateway, "strict"))
