"""What the fields of a Gateway do, on the port."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.core.errors import Transient
from reconciler.testing import eventually_async

from .certificates import self_signed
from .conftest import Backend, Gateway, MakeBackend

pytestmark = pytest.mark.real

CLAIMS = {
    "Host": "real.example",
    "X-Forwarded-For": "6.6.6.6, 7.7.7.7",
    "X-Forwarded-Host": "claimed.example",
    "X-Forwarded-Port": "444",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-User": "root",
    "X-Real-IP": "6.6.6.6",
}


async def told(gateway: Gateway, **claims: str) -> dict[str, Any]:
    said = await gateway.echo("/", headers={**CLAIMS, **claims})
    headers: dict[str, Any] = said["headers"]
    return headers


async def test_a_trusted_proxy_is_believed(gateway: Gateway, backend: Backend) -> None:
    """Who asked, for which host and how comes from it; the chain grows by one."""
    await gateway.serve(default=backend.url)
    await gateway.configure(trustedProxies=["127.0.0.0/8"])
    headers = await told(gateway)
    assert headers["host"] == headers["x-forwarded-host"] == "claimed.example"
    assert headers["x-forwarded-for"] == "6.6.6.6, 7.7.7.7, 127.0.0.1"
    assert headers["x-real-ip"] == "7.7.7.7"
    assert (headers["x-forwarded-port"], headers["x-forwarded-proto"]) == ("444", "https")
    assert headers["x-forwarded-user"] == "root"


async def test_nobody_else_is_believed(gateway: Gateway, backend: Backend) -> None:
    """With a trusted proxy elsewhere, and with none."""
    await gateway.serve(default=backend.url)
    for trusted in (["192.0.2.0/24", "::1"], []):
        await gateway.configure(trustedProxies=trusted)
        headers = await told(gateway)
        assert headers["host"] == headers["x-forwarded-host"] == "real.example"
        assert headers["x-forwarded-for"] == headers["x-real-ip"] == "127.0.0.1"
        assert headers["x-forwarded-proto"] == "http"
        assert headers["x-forwarded-port"] == str(gateway.port)
        assert "x-forwarded-user" not in headers


NO_HOSTS = ["a b", "a.example, b.example", "a/b", "a:99999999x", "a@b", "-a", "<script>"]


async def test_even_a_trusted_proxy_must_make_sense(gateway: Gateway, backend: Backend) -> None:
    """What is no host is not passed on as one."""
    await gateway.serve(default=backend.url)
    await gateway.configure(trustedProxies=["127.0.0.1"])
    for claim in NO_HOSTS:
        assert (await told(gateway, **{"X-Forwarded-Host": claim}))["host"] == "real.example"


async def test_routes_match_the_host_that_is_told(gateway: Gateway, backend: Backend) -> None:
    """The host a rule compares is the one the backend gets."""
    await gateway.serve(
        claimed={"match": {"host": "claimed.example"}, "respond": {"status": 200, "body": "c"}},
        real={"match": {"host": "real.example"}, "respond": {"status": 200, "body": "r"}},
    )
    assert (await gateway.get("/", headers=CLAIMS)).text == "r"
    await gateway.configure(trustedProxies=["127.0.0.1"])
    assert (await gateway.get("/", headers=CLAIMS)).text == "c"
    shouted = {**CLAIMS, "X-Forwarded-Host": "CLAIMED.example:8080"}
    assert (await gateway.get("/", headers=shouted)).text == "c"


def client(gateway: Gateway, certificate: Path, name: str = "localhost") -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=str(certificate))
    return httpx.AsyncClient(base_url=f"https://{name}:{gateway.port}", verify=context)


async def test_the_port_speaks_tls(gateway: Gateway, backend: Backend, tmp_path: Path) -> None:
    """With a certificate the port is https; a backend is told so."""
    pair = self_signed(tmp_path)
    tls = {"certificate": str(pair.certificate), "key": str(pair.key)}
    await gateway.serve(default=backend.url)
    await gateway.configure(tls=tls)
    async with client(gateway, pair.certificate) as https:
        said = (await https.get("/x")).json()
    assert said["headers"]["x-forwarded-proto"] == "https"
    assert said["headers"]["x-forwarded-port"] == str(gateway.port)


async def test_a_new_certificate_is_taken_over(gateway: Gateway, tmp_path: Path) -> None:
    """A renewed pair is seen as a difference, and served after one pass."""
    pair = self_signed(tmp_path)
    tls = {"certificate": str(pair.certificate), "key": str(pair.key)}
    await gateway.configure(tls=tls)
    assert (await gateway.parts.gateway.observe())["gateway"].state.loaded
    self_signed(tmp_path)
    assert not (await gateway.parts.gateway.observe())["gateway"].state.loaded
    await gateway.configure(tls=tls)
    async with client(gateway, pair.certificate) as https:
        assert (await https.get("/x")).status_code == 404


async def test_a_bad_pair_stays_out(gateway: Gateway, tmp_path: Path) -> None:
    """A key of another certificate is refused before it is served, and survives no restart.

    The file is named as the spec does, and asked for again: to mend it takes no edit of a spec.
    """
    pair, other = self_signed(tmp_path), self_signed(tmp_path, called="other")
    await gateway.configure(tls={"certificate": str(pair.certificate), "key": str(pair.key)})
    served = pair.certificate.read_bytes()
    copy = tmp_path / "served.crt"
    copy.write_bytes(served)
    pair.certificate.write_bytes(other.certificate.read_bytes())
    with pytest.raises(Transient, match=r"/pair\.key\"\) failed .*key values mismatch"):
        await gateway.configure(tls={"certificate": str(pair.certificate), "key": str(pair.key)})
    pair.key.unlink()
    with pytest.raises(Transient, match=r"cannot read .*pair\.key"):
        await gateway.configure(tls={"certificate": str(pair.certificate), "key": str(pair.key)})
    gateway.parts.runner.kill()
    gateway.parts.runner.launch()
    async with client(gateway, copy) as https:

        async def up() -> bool:
            try:
                return (await https.get("/x")).status_code == 404
            except httpx.ConnectError:
                return False

        await eventually_async(up)
    keys = list(gateway.parts.place.prefix.glob("tls.*"))
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
    await gateway.configure()
    assert not list(gateway.parts.place.prefix.glob("tls.*"))


async def test_the_maintenance_page(gateway: Gateway, tmp_path: Path) -> None:
    """A browser gets the page, a program a line or JSON, all of them 503 and when to come back."""
    page = tmp_path / "page.html"
    page.write_text("<h1>Back soon</h1>")
    await gateway.serve(default="http://127.0.0.1:1")
    for said in ({"file": str(page)}, {"text": "<h1>Back soon</h1>"}):
        await gateway.configure(maintenancePage=said)
        browser = await gateway.get("/", headers={"Accept": "text/html,*/*"})
        assert (browser.status_code, browser.text) == (503, "<h1>Back soon</h1>")
        assert browser.headers["Retry-After"] == "2"
        assert browser.headers["Cache-Control"] == "no-store"
        program = await gateway.get("/", headers={"Accept": "application/json"})
        assert program.json()["status"] == 503
        assert (await gateway.get("/")).text.startswith("503 ")
    page.write_text("<h1>Later</h1>")
    await gateway.configure(maintenancePage={"file": str(page)})
    browser = await gateway.get("/", headers={"Accept": "text/html"})
    assert browser.text == "<h1>Later</h1>"
    await gateway.configure()
    assert "Later" not in (await gateway.get("/", headers={"Accept": "text/html"})).text


async def test_a_program_that_breaks_off_is_not_away(
    gateway: Gateway, make_backend: MakeBackend
) -> None:
    """It is there and answers nothing: 502, not a page about maintenance."""
    backend = await make_backend(broken=True)
    await gateway.serve(default=backend.url)
    answer = await gateway.get("/")
    assert (answer.status_code, "broke off" in answer.text) == (502, True)


async def test_limits_of_one_client(gateway: Gateway, backend: Backend) -> None:
    """Bodies, header lines, requests at once and requests a second are bounded."""
    await gateway.serve(default=backend.url)
    await gateway.configure(limits={"maxBody": 1000, "maxHeader": 2048, "connections": 2})
    assert (await gateway.client.post("/", content=b"x" * 1000)).status_code == 200
    assert (await gateway.client.post("/", content=b"x" * 1001)).status_code == 413
    assert (await gateway.get("/", headers={"X-Long": "x" * 4000})).status_code in {400, 494}
    streams = [gateway.client.stream("GET", "/events") for _ in range(2)]
    for stream in streams:
        assert (await stream.__aenter__()).status_code == 200
    third = await gateway.get("/")
    assert (third.status_code, third.headers["Retry-After"]) == (429, "1")
    for stream in streams:
        await stream.__aexit__(None, None, None)
    await gateway.configure(limits={"rate": 1, "burst": 3})
    codes = [
        answer.status_code
        for answer in await asyncio.gather(*(gateway.get("/") for _ in range(12)))
    ]
    assert set(codes) == {200, 429}


async def test_own_paths_may_move(gateway: Gateway, make_backend: MakeBackend) -> None:
    """The operator hears its own path, wherever it is asked for; what is off is for routes."""
    operator = await make_backend(socket=gateway.parts.place.run / "operator.sock")
    await gateway.serve(all={"respond": {"status": 200, "body": "route"}})
    await gateway.configure(
        reserved={"/healthz": "/ops/alive", "/admin/api/": "/ops/api/", "/metrics": False}
    )
    assert (await gateway.get("/healthz")).text == "route"
    assert (await gateway.get("/metrics")).text == "route"
    assert (await gateway.get("/admin/api/v1/status")).text == "route"
    assert (await gateway.echo("/ops/alive?x"))["target"] == "/healthz?x"
    assert (await gateway.echo("/ops/api/v1/status"))["target"] == "/admin/api/v1/status"
    assert (await gateway.echo("/livez"))["target"] == "/livez"
    assert len(operator.requests) == 3


async def test_what_specs_say_is_not_in_nginx_conf(gateway: Gateway, backend: Backend) -> None:
    """The same bytes whatever Routes and Gateway say."""
    conf = gateway.parts.place.prefix / "nginx.conf"
    before = conf.read_bytes()
    await gateway.serve(default=backend.url, a={"respond": {"status": 200, "body": "x"}})
    await gateway.configure(trustedProxies=["10.0.0.0/8"], limits={"maxBody": 1})
    assert conf.read_bytes() == before
