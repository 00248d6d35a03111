"""A server that means harm: answers without end, and lies about what it sent."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reconciler.clients import git as git_client
from reconciler.clients import git_talk
from reconciler.clients.git import Git
from reconciler.core.errors import Transient
from reconciler.core.model import Ref
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import git

DATA = Ref("SyncTarget", "data")
PART = 1 << 16


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("path", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


def _line(content: bytes) -> bytes:
    return b"%04x" % (len(content) + 4) + content


def _refs() -> Iterator[bytes]:
    """Names of branches, for ever."""
    yield _line(b"# service=git-upload-pack\n") + b"0000"
    yield _line(b"1" * 40 + b" HEAD\0 multi_ack\n")
    number = 0
    while True:
        names = range(number, number + 500)
        yield b"".join(_line(b"%040x refs/heads/b%d\n" % (one + 1, one)) for one in names)
        number += 500


def _no_length(content: Iterator[bytes]) -> type[BaseHTTPRequestHandler]:
    class Endless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
            self.end_headers()
            try:
                for part in content:
                    self.wfile.write(part)
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Endless


@contextmanager
def saying(content: Iterator[bytes]) -> Iterator[str]:
    """The url of a server that answers so."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _no_length(content)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/x.git"
        server.shutdown()
        thread.join()


async def test_answer_without_end(world: GitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of branches without end is given up, and takes no more memory than it may."""
    monkeypatch.setattr(git_client, "MEMORY", 160 << 20)
    with saying(_refs()) as url:
        world.repository["url"] = url
        world.write("app/data/live", b"good")
        failure = (await world.settle(passes=1)).failures[DATA]
    assert failure.reason in {"TooLarge", "RemoteUnreachable"}
    assert world.files() == {"app/data/live": b"good"}


async def test_words_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command prints is read up to a limit; what it complains of is cut short."""
    monkeypatch.setattr(git_talk, "MOST", 100_000)
    program = tmp_path / "git"
    program.write_text(
        '#!/bin/sh\n[ "$1" = out ] && exec cat /dev/zero\nhead -c 5000000 /dev/zero >&2\n'
    )
    program.chmod(0o755)
    client = Git(os.environ, program=str(program))
    with pytest.raises(Transient) as caught:
        await client.run(tmp_path, "out")
    assert caught.value.reason == "TooLarge"
    assert len((await client.attempt(tmp_path, "errors")).errors) <= 1 << 16


async def test_damaged_remote_costs_nothing_here(world: GitWorld) -> None:
    """Whatever a remote with holes in it sends, copies that were never pushed stay."""
    world.write("app/data/a", b"one")
    await world.back_up()
    world.push_as_other("app/data/b", b"theirs")
    for path in (world.bare / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"damaged")
    world.write("app/data/a", b"never pushed")
    for _ in range(3):
        failure = (await world.look(due=True)).failures[DATA]
        assert failure.reason != "Corrupt", failure
    assert not (world.store / "reconciler" / "damaged").exists()
    saved = git(
        world.store, "--git-dir", str(world.store), "rev-parse", "refs/reconciler/saved/data"
    )
    name = f"{saved.decode().strip()}:app/data/a"
    assert git(world.store, "--git-dir", str(world.store), "show", name) == b"never pushed"
