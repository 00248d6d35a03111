from __future__ import annotations

import asyncio
import json
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients.keeper import Keeper
from reconciler.clients.supervisord import Supervisord
from reconciler.core.errors import Terminal, Transient

SOCKET = Path("/tmp/s.sock")


class Wire:
    """A keeper of numbers: answers in this process, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.life, self.version = "a", 0
        self.programs: dict[str, tuple[int, dict[str, Any]]] = {}
        self.gone: dict[str, int] = {}
        self.fault: xmlrpc.client.Fault | None = None
        self.raw: str | None = None

    async def post(self, body: bytes) -> bytes:
        args, method = xmlrpc.client.loads(body)
        verb, given = str(method).partition(".")[2], json.loads(str(args[0]))
        self.asked.append((verb, given))
        await asyncio.sleep(0.01)
        said = self.raw if self.raw is not None else json.dumps(getattr(self, verb)(given))
        told = self.fault or (said,)
        return xmlrpc.client.dumps(told, methodresponse=True).encode()

    async def aclose(self) -> None:
        return

    def put(self, name: str, **entry: Any) -> None:
        self.version += 1
        self.programs[name] = (self.version, entry)

    def drop(self, name: str) -> None:
        self.version += 1
        del self.programs[name]
        self.gone[name] = self.version

    def hello(self, _: Any) -> Any:
        return {"interface": 1, "mode": "full", "why": "", "supervisor": "x", "life": self.life}

    def changes(self, given: Any) -> Any:
        everything = given["life"] != self.life
        since = -1 if everything else given["since"]
        return {
            "life": self.life,
            "version": self.version,
            "all": everything,
            "programs": {n: one for n, (at, one) in self.programs.items() if at > since},
            "gone": [] if everything else [n for n, at in self.gone.items() if at > since],
        }

    def do(self, given: Any) -> Any:
        no = {"reason": "NameTaken", "message": "somebody has it"}
        never = {"reason": "UnknownVerb", "message": "what?"}
        lost = {"reason": "UnknownProgram", "message": "who?"}
        answers = {"bad": no, "odd": never, "lost": lost}
        return [answers.get(name) for _, name, _ in given]

    def view(self, given: Any) -> Any:
        return {"view": {"name": given["name"]}}

    def tail(self, given: Any) -> Any:
        return {"lines": ["a", "b", "c"][-given["lines"] :]}


def keeper(wire: Wire) -> Keeper:
    return Keeper(Supervisord(SOCKET, wire=wire))


async def test_what_is_asked_side_by_side_is_one_call() -> None:
    """A hundred starts are one request, in order; a later one is another."""
    wire = Wire()
    client = keeper(wire)
    await asyncio.gather(*(client.do("start", f"p{n}", {"epoch": 1}) for n in range(100)))
    await client.do("stop", "p1")
    assert [len(given) for _, given in wire.asked] == [100, 1]
    assert wire.asked[0][1][7] == ["start", "p7", {"epoch": 1}]
    assert wire.asked[1][1] == [["stop", "p1", {}]]


async def test_one_refusal_does_not_spoil_the_others() -> None:
    """Each caller hears its own answer; what there is nothing to do about is done."""
    client = keeper(Wire())
    asked = [("start", "good"), ("keep", "bad"), ("what", "odd"), ("stop", "lost")]
    asked += [("start", "lost")]
    good, bad, odd, stopped, lost = await asyncio.gather(
        *(client.do(verb, name) for verb, name in asked), return_exceptions=True
    )
    assert (good, stopped) == (None, None)
    assert isinstance(bad, Transient)
    assert (bad.reason, str(bad)) == ("NameTaken", "the keeper refuses: somebody has it")
    assert isinstance(odd, Terminal)
    assert isinstance(lost, Transient)


async def test_a_look_costs_what_changed() -> None:
    """Only news travel; what did not change is the very same object."""
    wire = Wire()
    client = keeper(wire)
    for name in ("a", "b", "c"):
        wire.put(name, state="running")
    first = await client.look()
    wire.put("b", state="failed")
    wire.drop("c")
    second = await client.look()
    assert second == {"a": {"state": "running"}, "b": {"state": "failed"}}
    assert second["a"] is first["a"]
    assert wire.asked[-1] == ("changes", {"life": "a", "since": 3, "others": ""})
    assert await client.look() is second


async def test_looks_side_by_side_are_one_and_a_later_one_is_later() -> None:
    """Nobody gets an answer that was on its way before it asked."""
    wire = Wire()
    client = keeper(wire)
    both = asyncio.gather(client.look(), client.look())
    await asyncio.sleep(0.005)
    wire.put("late", state="running")
    late = await client.look()
    await both
    assert "late" in late
    assert len(wire.asked) == 2


async def test_another_life_is_seen_whole() -> None:
    """Nothing of the life before is left, and what is equal is still the same object."""
    wire = Wire()
    client = keeper(wire)
    wire.put("a", state="running")
    wire.put("old", state="running")
    before = await client.look()
    wire.life = "b"
    wire.drop("old")
    after = await client.look()
    assert after == {"a": {"state": "running"}}
    assert after["a"] is before["a"]
    assert client.life == "b"


async def test_a_supervisord_without_it_is_off() -> None:
    """An unknown method says that it is not loaded; another version is not spoken."""
    wire = Wire()
    wire.fault = xmlrpc.client.Fault(1, "UNKNOWN_METHOD")
    assert not (await keeper(wire).hello()).keeps
    wire.fault = xmlrpc.client.Fault(30, "FAILED")
    with pytest.raises(Transient):
        await keeper(wire).hello()
    wire.fault, wire.raw = None, json.dumps({"interface": 2, "mode": "full", "life": "x"})
    hello = await keeper(wire).hello()
    assert (hello.keeps, hello.why) == (False, "the keeper speaks version 2")


async def test_nonsense_is_a_failure_of_ours() -> None:
    """No foreign exception leaves the client, and a look is never taken for an empty one."""
    wire = Wire()
    client = keeper(wire)
    wire.raw = "{"
    for call in (client.look(), client.do("stop", "a"), client.hello(), client.view("a")):
        with pytest.raises(Transient, match="makes no sense"):
            await call
    wire.raw = None
    assert (await client.view("a"), await client.tail("a", 2)) == ({"name": "a"}, ["b", "c"])


async def test_nobody_there_fails_everybody() -> None:
    """All that waits hears it, and the next call tries anew."""
    client = Keeper(Supervisord(Path("/tmp/rc-none/s.sock")))
    asked = [client.do("stop", "a"), client.do("stop", "b"), client.look()]
    failures = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, Transient) for one in failures)
    assert [getattr(one, "reason", "") for one in failures] == ["Unreachable"] * 3


async def test_others_are_told_when_they_change() -> None:
    """By a word for all of them; an earlier keeper says nothing of them."""
    wire = Wire()
    client = keeper(wire)
    await client.look()
    assert client.others is None
    told = {"word": "w1", "processes": [{"name": "gateway"}]}
    plain = wire.changes
    wire.changes = lambda given: (
        plain(given)
        | {  # type: ignore[method-assign]
            "others": {"word": "w1"} if given["others"] == "w1" else told
        }
    )
    await client.look()
    first = client.others
    assert first == [{"name": "gateway"}]
    await client.look()
    assert client.others is first
    assert wire.asked[-1][1]["others"] == "w1"
