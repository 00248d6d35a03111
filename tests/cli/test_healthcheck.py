"""What a HEALTHCHECK line runs: quick, one line, 0 or 1."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.cli import entry
from reconciler.cli.healthcheck import page_of
from reconciler.cli.main import run

HEALTHY = b'HTTP/1.1 200 OK\r\n\r\n{"status":"healthy"}'
SICK = b'HTTP/1.1 503 no\r\n\r\n{"status":"degraded"}'


@contextmanager
def answering(server: socket.socket, answer: bytes) -> Iterator[list[bytes]]:
    """Answers one request, and shows what was asked."""
    asked: list[bytes] = []

    def once() -> None:
        wire, _ = server.accept()
        with wire:
            asked.append(wire.recv(4096))
            wire.sendall(answer)

    server.listen()
    thread = threading.Thread(target=once)
    thread.start()
    yield asked
    thread.join(10)
    server.close()


@pytest.mark.parametrize(("answer", "code"), [(HEALTHY, 0), (SICK, 1), (b"", 1)])
def test_the_code_says_it(
    stack_dir: Path, capfd: pytest.CaptureFixture[str], answer: bytes, code: int
) -> None:
    """200 is 0, all else is 1; the answer is one line, for `docker inspect`."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(stack_dir / "run" / "operator.sock"))
    with answering(server, answer) as asked:
        words = ["healthcheck", "web", "--state-dir", str(stack_dir)]
        assert entry.attempt(words) == code
    assert asked[0].startswith(b"GET /health/process/web HTTP/1.0\r\n")
    assert capfd.readouterr().out.count("\n") == 1


def test_through_the_gateway(capfd: pytest.CaptureFixture[str]) -> None:
    """With a port the way of a visitor is tried, gateway and all."""
    server = socket.create_server(("127.0.0.1", 0))
    with answering(server, HEALTHY) as asked:
        assert entry.attempt(["healthcheck", f"--port={server.getsockname()[1]}"]) == 0
    assert asked[0].startswith(b"GET /healthz HTTP/1.0\r\n")
    assert capfd.readouterr().out == '{"status":"healthy"}\n'


def test_nobody_there_is_unhealthy(stack_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Docker knows no "could not ask"; both ways in say the same."""
    words = ["healthcheck", "--state-dir", str(stack_dir)]
    assert entry.attempt(words) == 1
    quick = capfd.readouterr().out
    assert quick.startswith("unhealthy: nobody answers at ")
    assert run(words) == 1
    assert capfd.readouterr().out == quick


def test_mistakes_are_left_to_the_full_command_line() -> None:
    """They get its words and its exit code."""
    for words in (["--port", "x"], ["--prot", "1"], ["--help"], ["web", "job"]):
        assert entry.attempt(["healthcheck", *words]) is None


@pytest.mark.parametrize(
    ("ref", "page"),
    [
        ("", "/healthz"),
        ("web", "/health/process/web"),
        ("process/web-0", "/health/process/web-0"),
        ("SyncTarget/data", "/health/SyncTarget/data"),
    ],
)
def test_every_resource_has_a_page(ref: str, page: str) -> None:
    """A name alone is a process."""
    assert page_of(ref) == page


def test_it_loads_next_to_nothing(stack_dir: Path) -> None:
    """It runs every few seconds for ever."""
    code = (
        "import sys; from reconciler.cli import entry;"
        f"entry.attempt(['healthcheck', '--state-dir', {str(stack_dir)!r}]);"
        "sys.exit(any(name in sys.modules for name in ('json', 'typer', 'socket', 'pathlib')))"
    )
    subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(Path(entry.__file__).parents[2])!r}); {code}",
        ],
        check=True,
    )
