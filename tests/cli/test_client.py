"""The thin client against a real unix socket."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.client import NoOperator, Operator
from reconciler.cli.outcome import Failure


def test_a_page_comes_back_decoded(stack_dir: Path, operator: Any) -> None:
    """Large pages too arrive whole."""
    operator.pages["GET plan"] = {"long": "三" * 500_000}
    assert Operator(stack_dir / "run" / "operator.sock").plan() == operator.pages["GET plan"]


def test_a_refusal_says_why(stack_dir: Path, operator: Any) -> None:
    """The operator's own words reach the person."""
    operator.pages["GET plan"] = (503, {"detail": "the specs were not read yet"})
    with pytest.raises(Failure, match="the specs were not read yet"):
        Operator(stack_dir / "run" / "operator.sock").plan()


def test_no_socket_means_no_operator(stack_dir: Path) -> None:
    """Nothing there, and a socket nobody listens on, both mean: not running."""
    path = stack_dir / "run" / "operator.sock"
    with pytest.raises(NoOperator, match="no operator is running"):
        Operator(path).status()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(NoOperator):
        Operator(path).status()


def test_a_silent_operator_is_not_waited_for_for_ever(stack_dir: Path) -> None:
    """The deadline holds for the whole answer, not for each piece of it."""
    path = stack_dir / "run" / "operator.sock"
    stop = threading.Event()

    def drip(server: socket.socket) -> None:
        wire, _ = server.accept()
        with wire:
            while not stop.wait(0.05):
                try:
                    wire.sendall(b"H")
                except OSError:
                    return

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        with pytest.raises(Failure, match=r"did not answer within 0\.3 s"):
            Operator(path, deadline=0.3).status()
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"HTTP/1.1 abc OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{",
        b"HTTP/1.1\r\n\r\n",
    ],
)
def test_nonsense_is_an_error_not_an_answer(stack_dir: Path, raw: bytes) -> None:
    """A broken answer is never taken for an empty one."""
    path = stack_dir / "run" / "operator.sock"

    def answer(server: socket.socket) -> None:
        wire, _ = server.accept()
        with wire:
            wire.recv(65536)
            wire.sendall(raw)

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        with pytest.raises(Failure, match="nonsense"):
            Operator(path).status()
        thread.join()


def test_a_path_the_system_cannot_take_is_said(tmp_path: Path) -> None:
    """The limit is named together with the way out."""
    with pytest.raises(Failure, match="too long") as caught:
        Operator(tmp_path / ("x" * 120) / "operator.sock").status()
    assert "--state-dir" in caught.value.hint
