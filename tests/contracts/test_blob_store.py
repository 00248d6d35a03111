"""What every store of large files must do: a folder, a release of GitHub, a bucket of S3."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from reconciler.clients import blobs_s3
from reconciler.clients.blobs import Blob, BlobStore, Shrunk, Source
from reconciler.clients.blobs_directory import DirectoryStore
from reconciler.clients.blobs_release import Release, ReleaseStore
from reconciler.clients.blobs_s3 import Bucket, S3Store
from reconciler.clients.offload import Abandoned
from reconciler.clients.sigv4 import Keys
from reconciler.core.errors import Transient
from reconciler.testing.github import serving as serving_github
from reconciler.testing.github_hub import Hub
from reconciler.testing.s3 import serving as serving_s3

Opener = Callable[[threading.Event], BlobStore]


@pytest.fixture(params=["directory", "release", "s3"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same store again and again."""
    with _served(request.param, tmp_path) as opener:
        yield opener


@contextmanager
def _served(kind: str, folder: Path) -> Iterator[Opener]:
    if kind == "directory":
        yield lambda stop: DirectoryStore(folder, stop)
    elif kind == "release":
        with serving_github(Hub(token="canary")) as server:
            place = Release(server.url, "me/backup", "blobs", 1)
            yield lambda stop: ReleaseStore(place, "canary", stop)
    else:
        with serving_s3("blobs") as url:
            bucket = Bucket(url, "blobs", "some/where/", 1)
            yield lambda stop: S3Store(bucket, Keys("me", "canary", "us-east-1"), stop)


@pytest.fixture
def store(opened: Opener) -> Iterator[BlobStore]:
    with closing(opened(threading.Event())) as found:
        yield found


@contextmanager
def source(content: bytes) -> Iterator[Source]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield Source(file.fileno(), len(content), hashlib.sha256(content).hexdigest())


def put(store: BlobStore, name: str, content: bytes) -> None:
    with source(content) as given:
        store.put(name, given)


def get(store: BlobStore, name: str, start: int = 0) -> bytes:
    with closing(store.fetch(name, start)) as parts:
        return b"".join(parts)


BIG = os.urandom(300_000)


def test_what_was_put_comes_back(store: BlobStore) -> None:
    """Content comes back as it was, from any byte on."""
    put(store, "abc-big.bin", BIG)
    assert get(store, "abc-big.bin") == BIG
    assert get(store, "abc-big.bin", 123_456) == BIG[123_456:]
    assert get(store, "abc-big.bin", len(BIG)) == b""


def test_tells_what_it_has(store: BlobStore, opened: Opener) -> None:
    """Name and size are known, of the right ones only, to who comes later too."""
    put(store, "a", b"one")
    put(store, "b", b"three")
    with closing(opened(threading.Event())) as later:
        found = later.find("b")
        assert found is not None
        assert (found.size, found.sha256 in {"", hashlib.sha256(b"three").hexdigest()}) == (5, True)
        assert later.find("c") is None
        assert sorted(one[:2] for one in later.blobs()) == [("a", 3), ("b", 5)]


def test_nothing_is_there_at_first(store: BlobStore) -> None:
    """A new store is empty, and says so."""
    assert store.find("a") is None
    assert list(store.blobs()) == []


def test_put_twice_is_put_once(store: BlobStore) -> None:
    """The same content under the same name is there already."""
    put(store, "a", b"one")
    put(store, "a", b"one")
    assert [one.name for one in store.blobs()] == ["a"]


def test_a_name_is_not_taken_twice(store: BlobStore) -> None:
    """Another content does not replace the first."""
    put(store, "a", b"one")
    with pytest.raises(Transient) as caught:
        put(store, "a", b"another")
    assert caught.value.reason == "NameTaken"
    assert get(store, "a") == b"one"


def test_deleted_is_gone(store: BlobStore) -> None:
    """What is deleted is gone, the others stay, and twice is not too often."""
    put(store, "a", b"one")
    put(store, "b", b"two")
    store.delete("a")
    store.delete("a")
    assert store.find("a") is None
    assert get(store, "b") == b"two"
    with pytest.raises(Transient) as caught:
        get(store, "a")
    assert caught.value.reason == "BlobMissing"


def test_a_file_that_changed_is_not_stored(store: BlobStore) -> None:
    """What is not what was hashed never appears under the name of that."""
    with source(BIG) as given:
        os.pwrite(given.descriptor, b"changed", 200_000)
        with pytest.raises(Shrunk):
            store.put("abc", given)
        os.ftruncate(given.descriptor, 10)
        with pytest.raises(Shrunk):
            store.put("abc", given)
    assert store.find("abc") is None
    assert list(store.blobs()) == []


def test_stops_when_nobody_waits(opened: Opener) -> None:
    """Work ends at the next part when it is not wanted any more."""
    stop = threading.Event()
    with closing(opened(stop)) as store, source(BIG) as given:
        store.find("a")
        stop.set()
        with pytest.raises(Abandoned):
            store.put("a", given)
    with closing(opened(threading.Event())) as later:
        assert later.find("a") is None


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/passwd", "", ".hidden", "a\n", "ü"])
def test_strange_names_lead_nowhere(store: BlobStore, name: str) -> None:
    """A name that anybody may have written finds nothing that is not a blob."""
    with pytest.raises(Transient) as caught:
        get(store, name)
    assert caught.value.reason == "BlobMissing"


def test_large_goes_in_parts(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large for one request goes in several, and is one thing afterwards."""
    monkeypatch.setattr(blobs_s3, "SINGLE", 5 << 20)
    content = BIG * 40
    with closing(opened(threading.Event())) as store:
        put(store, "abc/large", content)
        assert store.find("abc/large") in {
            Blob("abc/large", len(content), digest)
            for digest in ("", hashlib.sha256(content).hexdigest())
        }
        assert get(store, "abc/large", 11_000_000) == content[11_000_000:]


def test_a_folder_keeps_no_halves(tmp_path: Path) -> None:
    """What a killed writer left goes with a later upload; one that may still be written stays."""
    store = DirectoryStore(tmp_path, threading.Event())
    (tmp_path / "x").mkdir()
    left, going_on = tmp_path / "x" / ".draft-left", tmp_path / "x" / ".draft-going-on"
    for draft in (left, going_on):
        draft.write_bytes(b"half")
    os.utime(left, (1, 1))
    with source(b"whole") as found:
        store.put("x/whole", found)
    assert (left.exists(), going_on.exists()) == (False, True)
