"""What is asked in packets, of a real supervisord."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.clients.packets import Packets
from reconciler.stack.limits import PACKET
from reconciler.testing import eventually

from .world import World

pytestmark = pytest.mark.real


@contextmanager
def guest(world: World) -> Iterator[socket.socket]:
    """A connection to the keeper's door."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as made:
        made.settimeout(10)
        made.connect(str(door(world)))
        yield made


def door(world: World) -> str:
    """Where packets are taken."""
    return str(world.state_dir / "run" / "keeper.sock")


def ask(made: socket.socket, method: str, given: object) -> object:
    """One question and its answer."""
    made.send(f"{method} {json.dumps(given)}".encode())
    return json.loads(made.recv(PACKET + 1))


def test_packets_say_what_calls_say(world: World) -> None:
    """The same programs, and what is done by one is seen by the other."""
    world.record("/bin/sleep", "1000")
    everything = {"life": "", "since": 0}
    with guest(world) as made:
        keep = ["keep", "web-0", {"stamp": "s", "settings": {"grace": 5}}]
        start = ["start", "web-0", {"epoch": 0, "cause": "user", "detail": ""}]
        assert ask(made, "do", [keep, start]) == [None, None]
        assert world.until_live()["pid"] > 0
        assert ask(made, "changes", everything) == world.ask("changes", everything)


def test_who_cannot_be_answered_is_let_go(world: World) -> None:
    """A call there is none of, what is no JSON, what is too long: each is asked the usual way."""
    for asked in (b"hello {}", b"do [", b"\xff", b"do [] " + b" " * PACKET):
        with guest(world) as made:
            made.send(asked)
            assert made.recv(10) == b""
    assert world.ask("do", []) == []


def test_a_silent_guest_keeps_nobody_waiting(world: World) -> None:
    """Nor does one that goes without having asked."""
    with guest(world):
        pass
    with guest(world), guest(world) as other:
        assert ask(other, "do", []) == []


def test_only_the_owner_may_knock(world: World) -> None:
    """Like supervisord's own socket."""
    found = (world.state_dir / "run" / "keeper.sock").stat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600


def test_without_patches_there_is_no_door(any_world: World) -> None:
    """Supervisord's own loop would not hear anybody there."""
    is_full = any_world.ask("hello", {})["mode"] == "full"
    assert (any_world.state_dir / "run" / "keeper.sock").exists() is is_full


async def test_a_client_finds_the_next_life(world: World) -> None:
    """It asks anew where the connection broke off, and says so when nobody is there."""
    packets = Packets(world.state_dir / "run" / "keeper.sock")
    try:
        assert await packets.post(b"do []") == b"[]"
        world.stop()
        with pytest.raises(OSError):
            await packets.post(b"do []")
        world.start()
        assert await packets.post(b"do []") == b"[]"
        with pytest.raises(BlockingIOError):
            await packets.post(b"x" * (PACKET + 1))
    finally:
        await packets.aclose()


def test_a_reload_opens_it_anew(world: World) -> None:
    """Supervisord loads us again in the same process."""
    before = world.ask("hello", {})["life"]
    world.stock("restart")
    eventually(lambda: world.answers() and world.ask("hello", {})["life"] != before, 20)
    with guest(world) as made:
        assert ask(made, "do", []) == []
