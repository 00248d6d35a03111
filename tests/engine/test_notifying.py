"""Others are told of what happens: once, in order, whatever restarts and whoever is away."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePath
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.clients.webhook import Webhooks
from reconciler.core.model import Origin, Ref, Resource
from reconciler.core.sealed import Sealed
from reconciler.engine.journal import Event, Journal
from reconciler.engine.ledger import Ledger
from reconciler.engine.look import Stack
from reconciler.engine.notifying import Notifying
from reconciler.engine.records import Records
from reconciler.engine.sink import TRIES
from reconciler.kinds import KINDS
from reconciler.kinds.stack import StackSpec
from reconciler.metrics import Metrics
from reconciler.specs.load import Snapshot
from reconciler.testing import eventually_async
from reconciler.testing.clock import FakeClock

TOKEN = "0123456789abcdef-token"
WEB = Ref("Process", "web-0")


class Request(NamedTuple):
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class Host:
    """A chat's server, over real HTTP."""

    def __init__(self) -> None:
        self.got: list[Request] = []
        self.answers: list[tuple[int, bytes]] = []
        self.usual: tuple[int, bytes] = (200, b'{"errcode":0,"code":0}')
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                host.got.append(Request(parts.path, parse_qs(parts.query), headers, raw))
                code, content = host.answers.pop(0) if host.answers else host.usual
                self.send_response(code)
                if 300 <= code < 400:
                    self.send_header("Location", host.url("elsewhere"))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def url(self, token: str = TOKEN) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook/{token}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def host() -> Iterator[Host]:
    """A chat's server."""
    made = Host()
    yield made
    made.close()


class World:
    """One stack's journal and records, and the operators that come and go over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open()

    def open(self) -> None:
        self.journal = Journal(self.folder / "journal.db")
        self.records = Records(self.folder / "records.db")
        self.clock = FakeClock()
        ledger = Ledger(KINDS, self.journal, stack_start="")
        self.stack = Stack(KINDS, {}, ledger, self.records, self.clock, Metrics())
        self.notifying = Notifying(self.stack, self.folder / "notices.json")

    def close(self) -> None:
        self.journal.close()
        self.records.close()

    def specs(self, *sinks: dict[str, Any], revision: str = "r1") -> None:
        spec = StackSpec.model_validate({"notifications": sinks})
        one = Resource(Ref("Stack", "prod"), spec, Origin(PurePath("specs/stack.yaml"), 1))
        self.stack.ledger.take_snapshot(Snapshot(revision, {one.ref: one}))

    def happens(self, *reasons: str, kind: str = "Warning", ref: Ref = WEB) -> None:
        for reason in reasons:
            event = Event(ref, kind, reason, f"{reason} <happened>", "ann")
            self.journal.record_events([event], self.clock.now())
            self.journal.commit()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.notifying.run())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @property
    def note(self) -> Any:
        return json.loads((self.folder / "notices.json").read_bytes())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One stack."""
    made = World(tmp_path)
    yield made
    made.close()


def sealed(text: str) -> Sealed:
    return Sealed.of(text, b"k")


def sink(host: Host, form: str = "json", **more: Any) -> dict[str, Any]:
    return {"name": "ops", "url": sealed(host.url()), "format": form, **more}


def reasons(host: Host) -> list[str]:
    return [one.body["reason"] for one in host.got]


async def told(host: Host, count: int) -> None:
    await eventually_async(lambda: len(host.got) >= count)


async def test_a_standard_webhook_is_signed(world: World, host: Host) -> None:
    """Whoever knows the secret can see that a message is from here, and whether it came before."""
    key = base64.b64encode(b"the key of the hook").decode()
    world.specs(sink(host, secret=sealed(f"whsec_{key}")))
    async with world.running():
        world.happens("BackOff")
        await told(host, 1)
    (got,) = host.got
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.raw
    right = base64.b64encode(hmac.new(b"the key of the hook", signed, hashlib.sha256).digest())
    assert got.headers["webhook-signature"] == f"v1,{right.decode()}"
    assert got.path == f"/hook/{TOKEN}"
    expected = {"stack": "prod", "ref": "Process/web-0", "type": "Warning", "reason": "BackOff"}
    assert got.body.items() >= (expected | {"revision": "r1", "actor": "ann"}).items()


@pytest.mark.parametrize("form", ["slack", "feishu", "dingtalk", "wecom"])
async def test_each_chat_gets_its_own_shape(world: World, host: Host, form: str) -> None:
    """Text where each of them looks for it, signed the way each of them checks."""
    secret = {"secret": sealed("SEC1")} if form in {"feishu", "dingtalk"} else {}
    world.specs(sink(host, form, **secret))
    async with world.running():
        world.happens("BackOff")
        await told(host, 1)
    got = host.got[0]
    text = {
        "slack": lambda: got.body["text"],
        "feishu": lambda: got.body["content"]["text"],
        "dingtalk": lambda: got.body["text"]["content"],
        "wecom": lambda: got.body["text"]["content"],
    }[form]()
    shown = "BackOff &lt;happened&gt;" if form == "slack" else "BackOff <happened>"
    assert text == f"[prod] Warning Process/web-0 BackOff (revision r1, by ann)\n{shown}"
    if form == "feishu":
        assert got.body["msg_type"] == "text"
        signer = f"{got.body['timestamp']}\nSEC1".encode()
        right = base64.b64encode(hmac.new(signer, b"", hashlib.sha256).digest()).decode()
        assert got.body["sign"] == right
    if form == "dingtalk":
        now = got.query["timestamp"][0]
        signed = hmac.new(b"SEC1", f"{now}\nSEC1".encode(), hashlib.sha256).digest()
        assert got.query["sign"] == [base64.b64encode(signed).decode()]
        assert now == "1000000000"  # milliseconds


async def test_once_for_each_revision(world: World, host: Host) -> None:
    """What comes again and again is told again only when another revision is current."""
    world.specs(sink(host))
    async with world.running():
        world.happens("BackOff", "Ready", "BackOff", "Ready", "Crashed")
        await told(host, 3)
        world.specs(sink(host), revision="r2")
        world.happens("BackOff")
        await told(host, 4)
    assert reasons(host) == ["BackOff", "Ready", "Crashed", "BackOff"]


async def test_each_time_where_that_is_asked(world: World, host: Host) -> None:
    """Only what repeats itself at once is one event."""
    world.specs(sink(host, oncePer="event", when=["BackOff"]))
    async with world.running():
        world.happens("BackOff", "BackOff", "Ready", "BackOff")
        await told(host, 2)
        world.happens("Other", "BackOff")
        await told(host, 3)
    assert reasons(host) == ["BackOff"] * 3


async def test_what_is_asked_for_is_told(world: World, host: Host) -> None:
    """Types of events, and reasons whatever their type."""
    world.specs(sink(host, when=["Warning", "RevisionHealthy"]))
    async with world.running():
        world.happens("Started", "RevisionHealthy", kind="Normal")
        world.happens("Crashed")
        await told(host, 2)
    assert reasons(host) == ["RevisionHealthy", "Crashed"]


async def test_a_restart_neither_repeats_nor_loses(world: World, host: Host) -> None:
    """What was told is not told again; what could not be told, or came meanwhile, is."""
    world.specs(sink(host))
    async with world.running():
        world.happens("First")
        await told(host, 1)
        await eventually_async(lambda: world.note["ops"]["sent"] == 1)
    host.usual = (503, b"")
    async with world.running():
        world.happens("Second")
        await told(host, 2)
    world.happens("Third")
    world.close()
    world.open()
    host.got.clear()
    host.usual = (200, b"")
    async with world.running():
        world.specs(sink(host))
        world.happens("Fourth", "First")
        await told(host, 3)
        await eventually_async(lambda: world.note["ops"]["sent"] == 4)
    assert reasons(host) == ["Second", "Third", "Fourth"]


async def test_a_lost_journal_does_not_repeat(world: World, host: Host) -> None:
    """A new journal goes on behind the old one's end."""
    world.specs(sink(host))
    async with world.running():
        world.happens("First")
        await eventually_async(lambda: world.note["ops"]["sent"] == 1)
    world.close()
    (world.folder / "journal.db").unlink()
    world.open()
    async with world.running():
        world.specs(sink(host))
        world.happens("First", "Second")
        await told(host, 2)
    assert reasons(host) == ["First", "Second"]


async def test_who_is_busy_is_asked_again(world: World, host: Host) -> None:
    """In order, after longer and longer; meanwhile the Stack says so."""
    world.specs(sink(host))
    host.answers = [(500, b""), (429, b""), (200, b"")]
    async with world.running():
        world.happens("First", "Second")
        await told(host, 4)
        await eventually_async(lambda: world.note["ops"]["sent"] == 2)
    assert reasons(host) == ["First", "First", "First", "Second"]
    assert world.note["ops"] == {"sent": 2, "failed": 0, "dropped": 0, "error": ""}


@pytest.mark.parametrize(
    "refusal",
    [
        (404, b"no such hook", "json", "127.0.0.1 answers 404 Not Found"),
        (307, b"", "json", "127.0.0.1 answers 307 Temporary Redirect"),
        (200, b'{"errcode":310000,"errmsg":"bad %s"}', "dingtalk", "it answers 310000: bad (sec"),
        (200, b'{"code":19021,"msg":"sign match fail"}', "feishu", "19021: sign match fail"),
    ],
)
async def test_who_refuses_does_not_hold_up_the_rest(
    world: World, host: Host, refusal: tuple[int, bytes, str, str]
) -> None:
    """After some tries the next is told; nothing of the url is in what is said about it."""
    code, content, form, error = refusal
    world.specs(sink(host, form))
    host.answers = [(code, content.replace(b"%s", TOKEN.encode()))] * TRIES
    async with world.running():
        world.happens("First")
        await eventually_async(lambda: world.note["ops"]["failed"] == 1)
        assert error in world.note["ops"]["error"]
        assert TOKEN not in str(world.note)
        world.happens("Second")
        await eventually_async(lambda: world.note["ops"]["sent"] == 1)
    assert len(host.got) == TRIES + 1
    assert all(one.path == f"/hook/{TOKEN}" for one in host.got)


async def test_nobody_there_delays_nobody_else(
    world: World, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    """Each has its own pace; what cannot be reached is told by its host alone."""
    caplog.set_level("DEBUG")
    dead = {"name": "dead", "url": sealed(f"http://127.0.0.1:1/{TOKEN}")}
    world.specs(dead, sink(host))
    async with world.running():
        world.happens("First")
        await told(host, 1)
        await eventually_async(lambda: world.note["dead"]["error"])
        assert world.note["dead"]["error"].startswith("127.0.0.1 cannot be reached: ")
    assert TOKEN not in caplog.text + str(world.note)
    assert "dead: 127.0.0.1 cannot be reached" in caplog.text


async def test_a_slow_host_has_an_end(world: World) -> None:
    """Who takes the request and never answers is given up for now."""
    world.notifying.webhooks = Webhooks(patience=0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        world.specs({"name": "slow", "url": f"http://127.0.0.1:{port}/"})
        async with world.running():
            world.happens("First")
            await eventually_async(lambda: "did not answer" in world.note["slow"]["error"])


async def test_a_new_one_hears_of_the_new_only(world: World, host: Host) -> None:
    """Nobody wants the history in a chat; who comes back begins anew."""
    world.specs()
    async with world.running():
        world.happens("Before")
        await asyncio.sleep(0)
        world.specs(sink(host), revision="r2")
        world.happens("After")
        await told(host, 1)
        world.specs(revision="r3")
        world.happens("Between")
        await eventually_async(lambda: not world.records.all("sink"))
        world.specs(sink(host), revision="r4")
        world.happens("Again")
        await told(host, 2)
    assert reasons(host) == ["After", "Again"]


async def test_too_many_are_too_many(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a long outage the newest are told, and how many are left out is counted."""
    monkeypatch.setattr("reconciler.engine.sink.QUEUE", 20)
    world.specs(sink(host))
    host.usual = (503, b"")
    async with world.running():
        world.happens("First")
        await told(host, 1)
    world.happens(*(f"Reason{n}" for n in range(40)))
    host.usual = (200, b"")
    host.got.clear()
    async with world.running():
        await told(host, 20)
        await eventually_async(lambda: world.note["ops"]["sent"] == 20)
    assert world.note["ops"]["dropped"] == 21
    assert reasons(host)[-1] == "Reason39"
