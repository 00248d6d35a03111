from __future__ import annotations

import asyncio
import socket
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from supervisor.xmlrpc import Faults

from reconciler.clients.faults import Fault, refused
from reconciler.clients.supervisord import Refused, Supervisord
from reconciler.core.errors import ReconcileError, Terminal, Transient, Waiting

SOCKET = Path("/tmp/s.sock")
Answer = Callable[[str, tuple[Any, ...]], Any]


class Wire:
    """Answers calls in this process, and counts requests."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[str] = []

    async def post(self, body: bytes) -> bytes:
        args, method = xmlrpc.client.loads(body)
        self.requests.append(str(method))
        value = self.answer(str(method), args)
        if isinstance(value, bytes):
            return value
        told = value if isinstance(value, xmlrpc.client.Fault) else (value,)
        return xmlrpc.client.dumps(told, methodresponse=True).encode()

    async def aclose(self) -> None:
        return


def multicall(method: str, args: tuple[Any, ...]) -> Any:
    """As supervisord: bad names are faults, the rest is true."""
    if method != "system.multicall":
        return True
    bad = {"faultCode": 10, "faultString": "BAD_NAME: bad"}
    return [bad if call["params"][0] == "bad" else True for call in args[0]]


async def test_calls_made_side_by_side_travel_together() -> None:
    """Many starts are one request; a later one is another."""
    wire = Wire(multicall)
    client = Supervisord(SOCKET, wire=wire)
    await asyncio.gather(*(client.start(f"p{n}") for n in range(10)))
    await client.start("last")
    assert wire.requests == ["system.multicall", "supervisor.startProcess"]


async def test_one_refusal_does_not_spoil_the_others() -> None:
    """Each caller gets its own answer."""
    client = Supervisord(SOCKET, wire=Wire(multicall))
    good, bad = await asyncio.gather(
        client.start("good"), client.start("bad"), return_exceptions=True
    )
    assert good is None
    assert isinstance(bad, Refused)
    assert (bad.fault, bad.reason) == (Fault.BAD_NAME, "BadName")


async def test_a_large_batch_goes_in_pieces() -> None:
    """Supervisord does nothing else while it answers, so no piece is long."""
    wire = Wire(multicall)
    client = Supervisord(SOCKET, wire=wire)
    await asyncio.gather(*(client.start(f"p{n}") for n in range(120)))
    assert len(wire.requests) == 3


async def test_a_caller_that_gave_up_holds_nobody_up() -> None:
    """A cancelled call does not disturb those that travel with it."""
    client = Supervisord(SOCKET, wire=Wire(multicall))
    first, second = (asyncio.ensure_future(client.start(name)) for name in ("a", "b"))
    await asyncio.sleep(0)
    first.cancel()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first


@pytest.mark.parametrize("name", [n for n in vars(Faults) if n.isupper()])
def test_every_fault_is_one_of_ours(name: str) -> None:
    """Those of the real supervisord have the same names and numbers here."""
    code = getattr(Faults, name)
    assert Fault(code).name == name
    assert isinstance(refused(code, "x"), ReconcileError)


def test_faults_say_what_the_loop_must_do() -> None:
    """A shutdown is waited for, a call that is not understood is not repeated."""
    assert isinstance(refused(Faults.SHUTDOWN_STATE, ""), Waiting)
    assert isinstance(refused(Faults.UNKNOWN_METHOD, ""), Terminal)
    assert isinstance(refused(12345, "new"), Refused)


@pytest.mark.parametrize("answer", [b"", b"<", b"<a/>"], ids=["none", "torn", "other"])
async def test_a_bad_answer_is_transient(answer: bytes) -> None:
    """Whatever comes back, the caller gets one of our failures."""
    client = Supervisord(SOCKET, wire=Wire(lambda *_: answer))
    with pytest.raises(Transient):
        await client.processes()


async def test_nobody_there_is_transient_and_named(tmp_path: Path) -> None:
    """The text names the socket and what to type."""
    client = Supervisord(tmp_path / "none.sock")
    with pytest.raises(Transient, match=r"none\.sock: nobody answers; start it with"):
        await client.processes()
    await client.aclose()


async def test_silence_ends_at_the_deadline(stack_dir: Path) -> None:
    """One that accepts and never answers does not hold the loop."""
    path = stack_dir / "run" / "mute.sock"
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(path))
        mute.listen()
        client = Supervisord(path, deadline=0.05)
        with pytest.raises(Transient, match="no answer in time"):
            await client.processes()
        await client.aclose()


def test_a_path_that_no_socket_can_have_is_refused() -> None:
    """It says so, instead of "nobody answers"."""
    with pytest.raises(Terminal, match="choose a shorter --state-dir"):
        Supervisord(Path("/tmp/" + "x" * 120))


async def test_a_process_that_is_not_there_is_none() -> None:
    """Unknown to supervisord is an answer, not a failure; to stop it is done already."""
    fault = xmlrpc.client.Fault(Faults.BAD_NAME, "BAD_NAME: x")
    client = Supervisord(SOCKET, wire=Wire(lambda *_: fault))
    assert await client.process("x") is None
    await client.stop("x")
    await client.remove("x")
    with pytest.raises(Refused):
        await client.start("x")
