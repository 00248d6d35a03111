"""Names are looked up beside the loop; what was found stays until something better is known."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from reconciler.clients import resolve
from reconciler.clients.names import Address
from reconciler.clients.resolve import Found, Resolver
from reconciler.testing import eventually_async


class Server:
    """A name server in memory: what it says can be changed, and it can be silent."""

    def __init__(self) -> None:
        self.answers: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.silent = False

    async def find(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        if self.silent:
            await asyncio.sleep(60)
        if host not in self.answers:
            raise OSError(f"cannot find {host}: name or service not known")
        return [Address(socket.AF_INET, (one, port)) for one in self.answers[host]]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(resolve, "EVERY", 0.05)
    monkeypatch.setattr(resolve, "PAUSE", 0.01)
    monkeypatch.setattr(resolve, "LIMIT", 0.1)
    return Server()


@pytest.fixture
async def resolver(server: Server) -> AsyncIterator[tuple[Resolver, list[int]]]:
    rung: list[int] = []
    resolver = Resolver(lambda: rung.append(1), server)
    yield resolver, rung
    await resolver.aclose()


def told(resolver: Resolver, host: str) -> list[str] | None:
    addresses = resolver.found(host).addresses
    return None if addresses is None else [str(one) for one in addresses]


async def test_an_answer_rings_once(server: Server, resolver: Any) -> None:
    """In whatever order the addresses come; another answer rings again."""
    names, rung = resolver
    server.answers["db.test"] = ["10.0.0.9", "10.0.0.10", "::1"]
    names.follow(["db.test"])
    assert names.found("db.test") == Found()
    await eventually_async(lambda: len(server.asked) > 2)
    assert told(names, "db.test") == ["10.0.0.9", "10.0.0.10", "::1"]
    server.answers["db.test"].reverse()
    count = len(server.asked)
    await eventually_async(lambda: len(server.asked) > count + 2)
    assert len(rung) == 1
    server.answers["db.test"] = ["10.0.0.7"]
    await eventually_async(lambda: told(names, "db.test") == ["10.0.0.7"])
    assert len(rung) == 2


async def test_a_failure_takes_nothing_away(server: Server, resolver: Any) -> None:
    """No, silence and nonsense leave the last addresses, and are told."""
    names, _ = resolver
    server.answers["db.test"] = ["10.0.0.7"]
    names.follow(["db.test"])
    await eventually_async(lambda: told(names, "db.test") == ["10.0.0.7"])
    del server.answers["db.test"]
    await eventually_async(lambda: "not known" in names.found("db.test").problem)
    assert told(names, "db.test") == ["10.0.0.7"]
    server.silent = True
    names.hurry("db.test")
    await eventually_async(lambda: "no answer" in names.found("db.test").problem)
    server.silent = False
    server.answers["db.test"] = ["169.254.169.254", "0.0.0.0"]  # noqa: S104 (nothing is bound)
    names.hurry("db.test")
    await eventually_async(lambda: "no address of a backend" in names.found("db.test").problem)
    assert told(names, "db.test") == ["10.0.0.7"]


async def test_only_what_is_followed_is_looked_up(server: Server, resolver: Any) -> None:
    """What nobody needs any more is forgotten, with its task."""
    names, _ = resolver
    server.answers |= {"a.test": ["10.0.0.1"], "b.test": ["10.0.0.2"]}
    names.follow(["a.test", "b.test"])
    await eventually_async(lambda: told(names, "a.test") and told(names, "b.test"))
    names.follow(["b.test"])
    names.hurry("a.test")
    assert names.found("a.test") == Found()
    server.asked.clear()
    await eventually_async(lambda: len(server.asked) > 2)
    assert set(server.asked) == {"b.test"}


async def test_who_does_not_answer_is_looked_up_at_once(
    server: Server, resolver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only when its turn comes."""
    monkeypatch.setattr(resolve, "EVERY", 1000.0)
    names, _ = resolver
    server.answers["db.test"] = ["10.0.0.7"]
    names.follow(["db.test"])
    await eventually_async(lambda: told(names, "db.test") == ["10.0.0.7"])
    server.answers["db.test"] = ["10.0.0.8"]
    names.hurry("db.test")
    await eventually_async(lambda: told(names, "db.test") == ["10.0.0.8"])


async def test_real_names() -> None:
    """What this machine calls itself is found by its own resolver."""
    rung = asyncio.Event()
    names = Resolver(rung.set)
    names.follow(["localhost", "nobody.invalid"])
    await eventually_async(lambda: bool(told(names, "localhost")))
    assert "127.0.0.1" in (told(names, "localhost") or ())
    assert rung.is_set()
    await names.aclose()
