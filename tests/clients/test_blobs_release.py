"""Assets of a release against a GitHub that misbehaves; each exchange is as its own texts say."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reconciler.clients.blobs import Source
from reconciler.clients.blobs_release import Release, ReleaseStore, repository_of
from reconciler.core.errors import Terminal, Transient
from reconciler.testing.github import Exchange, serving
from reconciler.testing.github_description import Description, fetch
from reconciler.testing.github_hub import Hub

pytestmark = pytest.mark.timeout(300)  # the description is fetched once, and is large

TOKEN = "canary-9f2c1b"
BIG = os.urandom(1 << 20)
SHA = hashlib.sha256(BIG).hexdigest()
NAME = f"{SHA[:12]}-big.bin"


@pytest.fixture(scope="module")
def described() -> Description:
    found = fetch(Path(__file__).parents[2] / ".cache" / "openapi")
    if found is None:
        if os.environ.get("RECONCILER_SOAK") == "1":
            pytest.fail("npm is not installed, and GitHub's description comes from there")
        pytest.skip("npm is not installed, and GitHub's description comes from there")
    return found


@pytest.fixture
def hub(described: Description) -> Iterator[Hub]:
    hub = Hub(token=TOKEN)
    yield hub
    assert hub.seen
    for exchanged in hub.seen:
        described.demand(exchanged)


@pytest.fixture
def url(hub: Hub) -> Iterator[str]:
    with serving(hub) as server:
        yield server.url


@pytest.fixture
def store(url: str) -> Iterator[ReleaseStore]:
    with opened(url) as found:
        yield found


@contextmanager
def opened(url: str, *, retries: int = 2, token: str = TOKEN) -> Iterator[ReleaseStore]:
    place = Release(url, "me/backup", "blobs", retries)
    with closing(ReleaseStore(place, token, threading.Event())) as store:
        yield store


@pytest.fixture(autouse=True)
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited; it does not."""
    found: list[float] = []
    monkeypatch.setattr("reconciler.clients.blobs_http.Web.rest", lambda _, s: found.append(s))
    return found


@contextmanager
def source(content: bytes = BIG) -> Iterator[Source]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield Source(file.fileno(), len(content), hashlib.sha256(content).hexdigest())


def get(store: ReleaseStore, start: int = 0) -> bytes:
    with closing(store.fetch(NAME, start)) as parts:
        return b"".join(parts)


def telling(status: int, **headers: str) -> Callable[[Exchange], bool]:
    """An answer in the place of the right one."""

    def fault(exchange: Exchange) -> bool:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        exchange.tell(status, {"message": "no"}, told)
        return True

    return fault


def done_but(status: int) -> Callable[[Exchange], bool]:
    """It is done, and told as if it was not."""

    def fault(exchange: Exchange) -> bool:
        tell, exchange.tell = exchange.tell, lambda *_: None  # type: ignore[method-assign]
        exchange.act()
        exchange.tell = tell  # type: ignore[method-assign]
        exchange.tell(status, {"message": "bad gateway"})
        return True

    return fault


def cut(exchange: Exchange) -> bool:
    """Half of the content, then nothing."""
    exchange.note(200, None)
    exchange.send_response(200)
    exchange.send_header("Content-Length", str(len(BIG)))
    exchange.end_headers()
    exchange.wfile.write(BIG[: len(BIG) // 2])
    exchange.hang_up()
    return True


def pass_on(_: Exchange) -> bool:
    return False


def test_a_release_is_made_when_there_is_none(store: ReleaseStore, hub: Hub) -> None:
    """It is there with the first blob, and asked for once."""
    assert store.find(NAME) is None
    assert not hub.releases
    with source() as given:
        store.put(NAME, given)
    assert hub.assets() == {NAME: BIG}
    assert hub.count("POST") == 2


def test_done_but_told_as_failed(store: ReleaseStore, hub: Hub) -> None:
    """A 502 after the upload went well is recognised by asking again; nothing is sent twice."""
    hub.releases["blobs"] = {}
    hub.fail("POST", done_but(502))
    with source() as given:
        store.put(NAME, given)
    assert hub.assets() == {NAME: BIG}
    assert hub.count("POST") == 1


def test_half_an_upload_is_cleared_away(store: ReleaseStore, hub: Hub) -> None:
    """What a broken upload left in state starter is deleted, and the upload done anew."""
    hub.add(NAME, b"", state="starter")
    with source() as given:
        store.put(NAME, given)
    assert hub.assets() == {NAME: BIG}
    assert hub.count("DELETE") == 1


def test_another_was_first(url: str, hub: Hub) -> None:
    """422 already_exists: the same content is as good as ours, another is an error."""
    hub.releases["blobs"] = {}
    with opened(url) as store, source() as given:
        assert store.find(NAME) is None
        hub.add(NAME, BIG)
        store.put(NAME, given)
        assert store.find(NAME) is not None
    with opened(url) as store, source() as given:
        assert store.find("other") is None
        hub.add("other", b"another")
        with pytest.raises(Transient) as caught:
            store.put("other", given)
    assert caught.value.reason == "NameTaken"
    assert hub.assets()["other"] == b"another"


def test_waits_as_long_as_it_is_told(store: ReleaseStore, hub: Hub, rests: list[float]) -> None:
    """403 and 429 with Retry-After, a limit that is used up: it waits, and goes on."""
    hub.releases["blobs"] = {}
    soon = str(int(time.time()) + 50)
    hub.fail(
        "GET",
        telling(403, Retry_After="7"),
        telling(429, X_RateLimit_Remaining="0", X_RateLimit_Reset=soon),
    )
    hub.fail("POST", telling(403, Retry_After="9"))
    with source() as given:
        store.put(NAME, given)
    assert hub.assets() == {NAME: BIG}
    assert rests[0] == 7
    assert 40 <= rests[1] <= 50
    assert rests[2:] == [9]


def test_does_not_wait_for_ever(store: ReleaseStore, hub: Hub, rests: list[float]) -> None:
    """Who asks for an hour gets the next interval instead; who says no is not asked again."""
    hub.fail("GET", telling(403, Retry_After="3600"))
    with pytest.raises(Transient) as caught:
        store.find(NAME)
    assert caught.value.reason == "RateLimited"
    hub.fail("GET", telling(403))
    with pytest.raises(Transient) as caught:
        store.find(NAME)
    assert caught.value.reason == "StoreForbidden"
    assert rests == []


def test_gives_up_in_the_end(store: ReleaseStore, hub: Hub, rests: list[float]) -> None:
    """A server that stays unwell is unreachable, and is asked as often as is allowed."""
    hub.fail("GET", *[telling(502)] * 3)
    with pytest.raises(Transient) as caught:
        store.find(NAME)
    assert caught.value.reason == "StoreUnreachable"
    assert rests == [1, 2]


def test_more_than_a_page(store: ReleaseStore, hub: Hub) -> None:
    """All of 250 assets are known."""
    for number in range(250):
        hub.add(f"{number:012d}-x", b"x")
    assert store.find(f"{249:012d}-x") is not None
    assert len(list(store.blobs())) == 250


def test_a_page_that_is_missing_is_no_end(store: ReleaseStore, hub: Hub) -> None:
    """When one page cannot be had nothing is told: what is unknown is not nothing."""
    for number in range(150):
        hub.add(f"{number:012d}-x", b"x")
    hub.fail("GET", pass_on, pass_on, *[telling(502)] * 3)
    with pytest.raises(Transient):
        list(store.blobs())


def test_goes_on_where_it_broke_off(store: ReleaseStore, hub: Hub) -> None:
    """A body that breaks off is an error, and the rest can be asked for."""
    hub.add(NAME, BIG)
    store.find(NAME)
    hub.fail("GET", cut)
    got = bytearray()

    def read() -> None:
        with closing(store.fetch(NAME)) as parts:
            for part in parts:
                got.extend(part)

    with pytest.raises(Transient) as caught:
        read()
    assert caught.value.reason == "StoreUnreachable"
    assert 0 < len(got) < len(BIG)
    assert bytes(got) + get(store, len(got)) == BIG


def test_a_strange_host_does_not_learn_who_we_are(url: str, hub: Hub) -> None:
    """Downloads are sent elsewhere; the token is not, and what is asked for is."""
    asked: list[dict[str, str]] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(dict(self.headers))
            at = int(self.headers.get("Range", "bytes=0-")[6:-1])
            self.send_response(206 if at else 200)
            self.send_header("Content-Length", str(len(BIG) - at))
            self.end_headers()
            self.wfile.write(BIG[at:])

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        hub.elsewhere = f"http://127.0.0.1:{server.server_address[1]}/blob"
        hub.add(NAME, BIG)
        with opened(url) as store:
            assert get(store) == BIG
            assert get(store, 1000) == BIG[1000:]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert len(asked) == 2
    assert TOKEN not in str(asked)
    assert all("Authorization" not in one for one in asked)


def test_an_upload_goes_nowhere_else(url: str, hub: Hub) -> None:
    """An API that wants uploads sent to a host of somebody else gets none."""

    def lure(exchange: Exchange) -> bool:
        tell = exchange.tell

        def changed(status: int, answer: object, *rest: object) -> None:
            assert isinstance(answer, dict)
            tell(status, {**answer, "upload_url": "https://evil.example/x{?name,label}"})

        exchange.tell = changed  # type: ignore[method-assign, assignment]
        return False

    hub.releases["blobs"] = {}
    hub.fail("GET", lure)
    with opened(url) as store, source() as given, pytest.raises(Transient) as caught:
        store.put(NAME, given)
    assert caught.value.reason == "StoreRefused"
    assert hub.count("POST") == 0


def test_a_repository_that_is_not_seen_has_not_nothing(url: str, hub: Hub) -> None:
    """Without a token a private repository is not found: that is no empty store."""
    with opened(url, token="") as store, pytest.raises(Transient) as caught:
        store.find(NAME)
    assert caught.value.reason == "StoreNotFound"


def test_an_empty_repository_is_said(store: ReleaseStore, hub: Hub) -> None:
    """A repository without a commit takes no release, and the error says so."""
    hub.empty = True
    with source() as given, pytest.raises(Transient, match="empty"):
        store.put(NAME, given)


def test_the_token_is_in_no_error(url: str, hub: Hub) -> None:
    """Even a server that says it back does not bring it into an error."""

    def echo(exchange: Exchange) -> bool:
        exchange.tell(400, {"message": f"what is {exchange.headers['Authorization']}"})
        exchange.server.hub.seen.pop()
        exchange.note(401, None)
        return True

    hub.fail("GET", echo)
    with opened(url) as store, pytest.raises(Transient) as caught:
        store.find(NAME)
    assert TOKEN not in str(caught.value)
    assert "(secret)" in str(caught.value)


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/me/backup.git",
        "https://github.com/me/backup",
        "ssh://git@github.com/me/backup.git",
        "git@github.com:me/backup.git",
    ],
)
def test_a_remote_tells_its_repository(remote: str) -> None:
    assert repository_of(remote) == "me/backup"


@pytest.mark.parametrize(
    "remote",
    ["https://gitee.com/me/x.git", "/srv/x.git", "https://github.com/x", "git@host:me/x.git"],
)
def test_other_remotes_have_no_releases(remote: str) -> None:
    with pytest.raises(Terminal) as caught:
        repository_of(remote)
    assert caught.value.reason == "StoreUnknown"
