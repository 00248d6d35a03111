from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

LISTENER = Path(__import__("reconciler").__file__).parent / "stack" / "listen.py"


def event(name: str, payload: str = "x:1") -> bytes:
    head = f"ver:3.0 server:supervisor serial:1 pool:events poolserial:1 eventname:{name}"
    return f"{head} len:{len(payload)}\n{payload}".encode()


@pytest.fixture
def listener(stack_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-I", "-S", str(LISTENER), str(stack_dir / "run/wake.sock")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    yield process
    process.communicate(timeout=10)


def send(process: subprocess.Popen[bytes], name: str) -> bytes:
    assert process.stdin
    assert process.stdout
    assert process.stdout.read(6) == b"READY\n"
    process.stdin.write(event(name))
    return bytes(process.stdout.read(11))


def test_an_event_wakes_the_operator(listener: subprocess.Popen[bytes], stack_dir: Path) -> None:
    """Each becomes one datagram, and supervisord gets its answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as operator:
        operator.bind(str(stack_dir / "run/wake.sock"))
        operator.settimeout(10)
        assert send(listener, "PROCESS_STATE_EXITED") == b"RESULT 2\nOK"
        assert operator.recv(100) == b"PROCESS_STATE_EXITED"


def test_nobody_waits_for_an_absent_operator(listener: subprocess.Popen[bytes]) -> None:
    """The event is answered all the same; the operator looks for itself when it comes."""
    assert send(listener, "PROCESS_STATE_EXITED") == b"RESULT 2\nOK"
    assert send(listener, "PROCESS_STATE_RUNNING") == b"RESULT 2\nOK"


def test_a_busy_operator_holds_nobody_up(
    listener: subprocess.Popen[bytes], stack_dir: Path
) -> None:
    """When its queue is full, events are dropped and answered."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as operator:
        operator.bind(str(stack_dir / "run/wake.sock"))
        for _ in range(600):
            assert send(listener, "PROCESS_STATE_EXITED") == b"RESULT 2\nOK"
