"""Speaks to the operator over its unix socket.

HTTP/1.0 by hand: the stdlib's http.client alone costs more than all of `reconciler status`.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote, urlencode

from ..stack.limits import SOCKET_PATH
from .entry import user
from .outcome import Failure

BASE = "/admin/api/v1"
SILENCE = 60.0
"""Seconds after which a stream that says nothing at all is no longer there."""


class NoOperator(Failure):
    """Nobody listens on the operator's socket."""


class Refused(Failure):
    """The operator answered, and not with what was asked; ``status`` is HTTP's."""

    def __init__(self, message: str, *, hint: str, status: int) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Answer(NamedTuple):
    """What came back: the HTTP status and the decoded body."""

    status: int
    body: Any


class Operator:
    """The running operator of one stack, as the command line sees it."""

    def __init__(self, path: Path, *, deadline: float = 10.0) -> None:
        self.path = path
        self.deadline = deadline

    def plan(self) -> Any:
        """What it would do now."""
        return self.ask("GET", f"{BASE}/plan")

    def status(self) -> Any:
        """How everything is."""
        return self.ask("GET", f"{BASE}/status")

    def events(self, query: Sequence[tuple[str, str]]) -> Any:
        """What happened lately, newest first."""
        return self.ask("GET", f"{BASE}/events?{urlencode(query, safe='/')}")

    def follow_events(self, query: Sequence[tuple[str, str]]) -> Iterator[Any]:
        """The last events, oldest first, and then each that comes, until the operator ends it."""
        target = f"{BASE}/events/stream?{urlencode(query, safe='/')}"
        try:
            yield from _documents(self.path, _encode("GET", target, None))
        except OSError as error:
            _refuse(self.path, error)

    def history(self, limit: int) -> Any:
        """What was applied lately."""
        return self.ask("GET", f"{BASE}/history?limit={limit}")

    def revisions(self, limit: int) -> Any:
        """What became of revisions, newest first."""
        return self.ask("GET", f"{BASE}/revisions?limit={limit}")

    def revision(self, start: str) -> Any:
        """All it knows of one revision."""
        return self.ask("GET", f"{BASE}/revisions/{start}")

    def roll_back(self, to: str, reason: str) -> Any:
        """Have another revision in the place of HEAD."""
        return self.ask("POST", f"{BASE}/rollback", {"to": to, "reason": reason})

    def fetch(self, accept: str = "") -> Any:
        """Ask the source of the specs now."""
        return self.ask("POST", f"{BASE}/source", {"accept": accept} if accept else None)

    def undo(self) -> Any:
        """Let HEAD be current again."""
        return self.ask("DELETE", f"{BASE}/rollback")

    def resource(self, kind: str, name: str) -> Any:
        """All it knows of one resource."""
        return self.ask("GET", f"{BASE}/resources/{kind}/{name}")

    def reconcile(self, confirm: str = "") -> Any:
        """Run a pass now; ``confirm`` names a revision whose deletions are allowed."""
        return self.ask("POST", f"{BASE}/reconcile", {"confirm": confirm} if confirm else None)

    def act(self, kind: str, name: str, verb: str, order: Mapping[str, str]) -> Any:
        """Have it ``stop``, ``start``, ``restart`` or ``reload``; ``order`` is {for, reason}."""
        return self.ask("POST", f"{BASE}/resources/{kind}/{name}/{verb}", order)

    def requests(self) -> Any:
        """What is asked for the moment."""
        return self.ask("GET", f"{BASE}/requests")

    def release(self, kind: str, name: str) -> Any:
        """Take back what was asked of a resource."""
        return self.ask("DELETE", f"{BASE}/requests/{kind}/{name}")

    def order(self, body: Mapping[str, Any]) -> Any:
        """Have something done once with sync targets: {verb, names, arguments, reason}."""
        return self.ask("POST", f"{BASE}/orders", body)

    def ordered(self, order: str) -> Any:
        """One order, and what came of it."""
        return self.ask("GET", f"{BASE}/orders/{order}")

    def sync(self) -> Any:
        """How each sync target is."""
        return self.ask("GET", f"{BASE}/sync")

    def sync_log(self, name: str, limit: int, *, fetch: bool) -> Any:
        """The versions of a sync target."""
        more = "&fetch=true" if fetch else ""
        return self.ask("GET", f"{BASE}/sync/{quote(name, safe='')}/log?limit={limit}{more}")

    def ask(self, method: str, target: str, body: Any = None) -> Any:
        """One request, with ``body`` as JSON; anything but success is a Failure."""
        answer = self._exchange(method, target, body)
        if answer.status < 300:  # noqa: PLR2004 - the end of HTTP's success codes
            return answer.body
        said = answer.body if isinstance(answer.body, Mapping) else {}
        text = said.get("detail") or said.get("title") or f"it answered {answer.status}"
        if "reason" not in said:  # else it speaks of what was asked, to people
            text = f"the operator refused {method} {target}: {text}"
        raise Refused(text, hint=said.get("hint", ""), status=answer.status)

    def _exchange(self, method: str, target: str, body: Any) -> Answer:
        end = time.monotonic() + self.deadline
        try:
            return _decode(self._send(_encode(method, target, body), end=end))
        except TimeoutError as error:
            raise Failure(
                f"the operator did not answer within {self.deadline:g} s at {self.path}",
                hint="`reconciler logs reconciler` says what it is doing",
            ) from error
        except OSError as error:
            _refuse(self.path, error)
        except ValueError as error:
            raise Failure(f"the operator at {self.path} answers nonsense: {error}") from error

    def _send(self, request: bytes, *, end: float) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(self.deadline)
            wire.connect(_address(self.path))
            wire.sendall(request)
            return b"".join(iter(lambda: _receive(wire, end), b""))


def _address(path: Path) -> str:
    text = str(path)
    if len(text.encode()) > SOCKET_PATH:
        raise Failure(
            f"the path of the operator's socket is too long for the system: {text}",
            hint=f"choose a shorter --state-dir; at most {SOCKET_PATH} bytes in all",
        )
    return text


def _receive(wire: socket.socket, end: float) -> bytes:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    wire.settimeout(left)
    return wire.recv(1 << 18)


def _documents(path: Path, request: bytes) -> Iterator[Any]:
    """The JSON lines of an answer that goes on; now and then there is an empty one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
        wire.settimeout(SILENCE)
        wire.connect(_address(path))
        wire.sendall(request)
        with wire.makefile("rb") as rows:
            words = rows.readline().split(b" ", 2)
            for _ in iter(lambda: rows.readline().strip(), b""):
                pass
            if words[1:2] != [b"200"]:
                said = json.loads(rows.read() or b"{}")
                raise Failure(str(said.get("detail") or "the operator does not answer"))
            with suppress(ConnectionError, ValueError):  # it broke off: who wants more asks again
                for row in rows:
                    if row.strip():
                        yield json.loads(row)


def _encode(method: str, target: str, body: Any) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {target} HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n"
    kind = "Content-Type: application/json\r\n" if data else ""
    # Who typed it: the operator shows it with what was asked.
    author = "" if method == "GET" else f"X-Reconciler-Author: {user()}\r\n"
    return f"{head}{kind}{author}Content-Length: {len(data)}\r\n\r\n".encode() + data


def _decode(raw: bytes) -> Answer:
    head, parted, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if not parted or not words[0].startswith("HTTP/") or not words[1:]:
        raise ValueError("no HTTP head")
    fields = {name.lower(): value.strip() for name, _, value in (r.partition(":") for r in rest)}
    if int(fields.get("content-length", len(body))) != len(body):
        raise ValueError("it broke off")
    return Answer(int(words[1]), json.loads(body) if body else None)


def _refuse(path: Path, error: OSError) -> NoReturn:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        raise NoOperator(
            f"no operator is running for {path.parent.parent}",
            hint="start it with `reconciler up`, or name another stack with --state-dir",
        ) from error
    if isinstance(error, PermissionError):
        raise Failure(
            f"this user may not speak to the operator at {path}",
            hint="run the command as the user who started it",
        ) from error
    raise Failure(f"the operator at {path} cannot be reached: {error}") from error
