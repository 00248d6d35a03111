"""What a client gets, through a real nginx."""

from __future__ import annotations

import asyncio

import pytest

from .conftest import Backend, Gateway, MakeBackend

pytestmark = pytest.mark.real


def answer(text: str, **match: object) -> dict[str, object]:
    priority = match.pop("priority", 0)
    return {"match": match, "priority": priority, "respond": {"status": 200, "body": text}}


async def test_each_condition_counts(gateway: Gateway) -> None:
    """Host, path, method and Referer each decide, and all given ones must hold."""
    await gateway.serve(
        prefix=answer("prefix", pathPrefix="/a/"),
        longer=answer("longer", pathPrefix="/a/b/"),
        exact=answer("exact", pathEqual="/a/exact", priority=1),
        host=answer("host", host="example.com", priority=2),
        wild=answer("wild", host="*.example.com", priority=2),
        method=answer("method", pathPrefix="/a/", methods=["POST", "PUT"], priority=3),
        referer=answer("referer", refererSubstr="webui", priority=4),
    )
    assert (await gateway.get("/a/x")).text == "prefix"
    assert (await gateway.get("/a/b/x")).text == "longer"
    assert (await gateway.get("/a/exact")).text == "exact"
    assert (await gateway.get("/a/x", headers={"Host": "Example.com:80"})).text == "host"
    assert (await gateway.get("/", headers={"Host": "x.y.example.com"})).text == "wild"
    assert (await gateway.client.post("/a/x")).text == "method"
    assert (await gateway.get("/a/x", headers={"Referer": "http://h/webui/"})).text == "referer"
    assert (await gateway.get("/none")).status_code == 404


async def test_a_backend_is_told_the_truth(gateway: Gateway, backend: Backend) -> None:
    """Host, address and scheme come from the gateway; what a client claims of itself does not."""
    spec = {"proxy": {"backend": backend.url, "setHeaders": [{"name": "X-Env", "value": "a b;"}]}}
    await gateway.serve(all=spec)
    said = await gateway.echo(
        "/p?q=1",
        headers={
            "Host": "example.com:81",
            "X-Forwarded-For": "6.6.6.6",
            "X-Forwarded-Host": "evil",
            "X-Forwarded-Anything": "evil",
            "X-Real-IP": "6.6.6.6",
            "Forwarded": "for=6.6.6.6",
            "X-Reconciler-Client": "local",
            "X-Env": "theirs",
            "X-Kept": "yes",
        },
    )
    headers = said["headers"]
    assert said["target"] == "/p?q=1"
    assert headers["host"] == headers["x-forwarded-host"] == "example.com:81"
    assert headers["x-forwarded-for"] == headers["x-real-ip"] == "127.0.0.1"
    assert (headers["x-forwarded-port"], headers["x-forwarded-proto"]) == ("81", "http")
    assert (headers["x-env"], headers["x-kept"]) == ("a b;", "yes")
    assert not {"forwarded", "x-forwarded-anything", "x-reconciler-client"} & set(said["names"])


@pytest.mark.parametrize(
    ("asked", "forwarded"),
    [
        ("/%61pi/x", "/api/x"),
        ("//api//x", "/api/x"),
        ("/api/a%2Bb+c;v=1", "/api/a%2Bb+c;v=1"),
        ("/api/%e4%b8%ad/%20x", "/api/%E4%B8%AD/%20x"),
        ("/api/x?a=%2f..%00&b=//", "/api/x?a=%2f..%00&b=//"),
        ("/api/a..b/.hidden", "/api/a..b/.hidden"),
        ('/api/"x"', "/api/%22x%22"),
        ("/api/x?", "/api/x"),
    ],
)
async def test_the_matched_path_is_the_forwarded_path(
    gateway: Gateway, backend: Backend, asked: str, forwarded: str
) -> None:
    """A backend gets byte for byte the path that was compared, and the query untouched."""
    await gateway.serve(api={"match": {"pathPrefix": "/api/"}, "proxy": {"backend": backend.url}})
    line = f"GET {asked} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    assert b" 200 OK" in await gateway.raw(line.encode("latin-1"))
    assert backend.requests[-1].split(b" ")[1].decode() == forwarded


@pytest.mark.parametrize(
    "path",
    [
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/a%00b",
        "/a/../b",
        "/a/%2e%2E/b",
        "/a/./b",
        "/a/..;x/b",
        "/a/..%3bx/b",
        "/..",
        "/a%zz",
        "/a%4",
        "/a#b",
    ],
)
async def test_paths_with_two_readings_are_refused(
    gateway: Gateway, backend: Backend, path: str
) -> None:
    """What two programs might read in two ways reaches no program."""
    await gateway.serve(default=backend.url)
    line = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    assert (await gateway.raw(line.encode())).split(b" ")[1] == b"400"
    assert backend.requests == []


async def test_a_prefix_can_be_taken_off(gateway: Gateway, backend: Backend) -> None:
    """A program that lives at / can be served below a prefix."""
    proxy = {"backend": backend.url, "stripPrefix": True}
    await gateway.serve(app={"match": {"pathPrefix": "/app"}, "proxy": proxy})
    assert (await gateway.echo("/app/x/y?q"))["target"] == "/x/y?q"
    assert (await gateway.echo("/app"))["target"] == "/"
    assert (await gateway.echo("/app//x"))["target"] == "/x"


async def test_redirects_keep_the_query(gateway: Gateway) -> None:
    """The new address has the old query, and never another host than the rule names."""
    await gateway.serve(
        to={"match": {"pathEqual": "/old"}, "redirect": {"to": "/new?a=1", "code": 308}},
        moved={"match": {"pathPrefix": "/was/"}, "redirect": {"toPrefix": "/is/"}},
        root={"match": {"pathPrefix": "/root"}, "redirect": {"toPrefix": "/"}},
        away={"match": {"pathPrefix": "/away"}, "redirect": {"toPrefix": "https://h.example/x"}},
    )
    first = await gateway.get("/old?b=2&c")
    assert (first.status_code, first.headers["Location"]) == (308, "/new?a=1&b=2&c")
    second = await gateway.get("/was/a%20b?x=%0d%0aSet-Cookie:%20a")
    assert second.status_code == 302
    assert second.headers["Location"] == "/is/a%20b?x=%0d%0aSet-Cookie:%20a"
    third = await gateway.get("/root//evil.example/")
    assert third.headers["Location"] == "/evil.example/"
    fourth = await gateway.get("/away@evil.example/")
    assert fourth.headers["Location"] == "https://h.example/x@evil.example/"


async def test_nothing_here_is_a_small_page(gateway: Gateway) -> None:
    """Without rule and default backend: 404, for people or for programs."""
    plain = await gateway.get("/x")
    assert (plain.status_code, plain.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    page = await gateway.get("/x", headers={"Accept": "text/html,*/*"})
    assert (page.status_code, "<h1>404</h1>" in page.text) == (404, True)
    assert "nginx/" not in plain.headers["Server"]


async def test_a_dead_backend_is_said_so(gateway: Gateway, backend: Backend) -> None:
    """A backend that is gone or silent gives a page that says when to try again."""
    await gateway.serve(default="http://127.0.0.1:1")
    dead = await gateway.get("/x")
    assert (dead.status_code, dead.headers["Retry-After"]) == (503, "2")
    assert "127.0.0.1" not in dead.text
    backend.silent = True
    slow = {"backend": backend.url, "timeouts": {"read": "200ms"}}
    await gateway.serve(slow={"match": {"pathPrefix": "/slow"}, "proxy": slow})
    late = await gateway.get("/slow")
    assert (late.status_code, late.headers["Retry-After"]) == (504, "2")


async def test_websockets_pass(gateway: Gateway, backend: Backend) -> None:
    """An upgrade to a WebSocket passes both ways; no other upgrade does."""
    await gateway.serve(default=backend.url)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    upgrade = b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n"
    writer.write(upgrade)
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"HELLO"
    writer.close()
    said = await gateway.echo("/", headers={"Connection": "Upgrade", "Upgrade": "h2c"})
    assert not {"upgrade", "http2-settings"} & set(said["names"])


async def test_event_streams_are_not_held_back(gateway: Gateway, backend: Backend) -> None:
    """The first event arrives while the stream goes on."""
    await gateway.serve(default=backend.url)
    async with gateway.client.stream("GET", "/events") as response:
        lines = response.aiter_lines()
        assert await asyncio.wait_for(anext(lines), 3) == "data: first"


async def test_connections_to_backends_are_kept(gateway: Gateway, backend: Backend) -> None:
    """Many requests share a few connections."""
    await gateway.serve(default=backend.url)
    for _ in range(20):
        await gateway.echo("/")
    assert backend.connections <= 2


async def test_a_kept_connection_may_turn_out_closed(gateway: Gateway, backend: Backend) -> None:
    """A backend that hangs up on a kept connection is asked again; one that is dead is not."""
    backend.fickle = True
    await gateway.serve(default=backend.url)
    for _ in range(3):
        await gateway.echo("/")
    assert len(backend.requests) == 5
    assert backend.connections == 3


async def test_bodies_pass_up_to_a_limit(gateway: Gateway, backend: Backend) -> None:
    """A large upload arrives whole; one over the limit is refused unread."""
    await gateway.serve(default=backend.url)
    response = await gateway.client.post("/", content=b"x" * 3_000_000)
    assert response.json()["size"] == 3_000_000
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000000\r\n\r\n")
    assert (await reader.readline()).split(b" ")[1] == b"413"
    writer.close()


async def test_backends_may_speak_ipv6(gateway: Gateway, make_backend: MakeBackend) -> None:
    """An address in brackets is as good as another."""
    backend = await make_backend(host="::1")
    await gateway.serve(default=f"http://[::1]:{backend.port}")
    assert (await gateway.echo("/x"))["target"] == "/x"


async def test_requests_without_a_host_are_served(gateway: Gateway, backend: Backend) -> None:
    """HTTP/1.0 knows no Host; the backend gets one."""
    await gateway.serve(default=backend.url)
    assert b" 200 OK" in await gateway.raw(b"GET /x HTTP/1.0\r\n\r\n")
    assert b"Host: localhost\r\n" in backend.requests[-1]


async def test_an_absolute_target_names_the_host(gateway: Gateway, backend: Backend) -> None:
    """The host of the request line is matched and forwarded, whatever the Host header says."""
    await gateway.serve(h={"match": {"host": "a.example"}, "proxy": {"backend": backend.url}})
    line = b"GET http://a.example/x HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n"
    assert b" 200 OK" in await gateway.raw(line)
    assert b"Host: a.example\r\n" in backend.requests[-1]
    assert b"GET /x " in backend.requests[-1]
