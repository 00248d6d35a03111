"""The gateway's control server, over its unix socket: the table in and out, and who serves it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

from ..core.errors import ReconcileError, Terminal, Transient
from ..core.model import Json
from ..stack.limits import SOCKET_PATH
from .local_http import Answer, exchange

DEADLINE: Final = 10.0
SCRAPE: Final = 2.0
"""Seconds after which the page of numbers goes without the gateway's."""


class Worker(NamedTuple):
    """One worker process, and the version of the table it serves."""

    pid: int
    version: int
    error: str | None


class Traffic(NamedTuple):
    """What the gateway says of the endpoints of its pools, by their addresses."""

    open: Mapping[str, int] = {}
    """Requests that are not finished yet, WebSockets among them."""
    refusing: tuple[str, ...] = ()
    """Those that accept no connection now, and are passed over."""
    parked: int = 0
    """Requests that wait until somebody can take them."""


class Status(NamedTuple):
    """What the gateway says about itself. ``etag`` names the table: ``VERSION-DIGEST``.

    ``life`` is another one when nginx has begun anew and read its table from the disk.
    """

    etag: str
    problem: str | None
    include_digest: str
    listen: str
    code: str
    worker_count: int
    workers: Mapping[str, Worker]
    life: str = ""
    traffic: Traffic = Traffic()

    @property
    def version(self) -> int:
        return int(self.etag.partition("-")[0])


class GatewayDown(Transient):
    """Nobody answers at the control socket."""


class Conflict(Transient):
    """Somebody else wrote the table in between."""


class RuleRefused(Terminal):
    """The gateway refuses the table because of this rule ("" when it is not one rule).

    ``code`` names the edition of our Lua that said so; "" is one that does not say.
    """

    def __init__(self, message: str, rule: str, code: str = "") -> None:
        super().__init__(message, reason="RuleRefused")
        self.rule = rule
        self.code = code


class GatewayWire:
    """One gateway. Every call has a deadline; every failure is one of ours."""

    def __init__(self, socket: Path, *, deadline: float = DEADLINE) -> None:
        if len(os.fsencode(socket)) > SOCKET_PATH:
            raise Terminal(
                f"{socket}: too long for a socket path; choose a shorter --state-dir",
                reason="SocketPathTooLong",
            )
        self._socket = socket
        self._deadline = deadline

    async def status(self) -> Status:
        """Who serves what."""
        said = _checked(await self._send("GET /status")).json()
        workers = said["workers"] or {}
        return Status(
            etag=said["etag"],
            problem=said["problem"],
            include_digest=said["include_digest"],
            listen=said["listen"],
            code=said["code"],
            worker_count=said["worker_count"],
            workers={name: _worker(each) for name, each in workers.items()},
            life=said.get("life") or "",
            traffic=_traffic(said.get("traffic") or {}),
        )

    async def table(self) -> tuple[str, bytes] | None:
        """The table as it was written, and its etag; None when none was ever written."""
        response = await self._send("GET /table")
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        return _checked(response).headers["etag"].strip('"'), response.content

    async def put(self, raw: bytes, *, expected: str) -> None:
        """Replace the table if it is still the one ``expected`` names."""
        await self._write("PUT", raw, expected)

    async def patch(self, raw: bytes, *, expected: str) -> None:
        """Change the table if it is still the one ``expected`` names."""
        await self._write("PATCH", raw, expected)

    async def _write(self, method: str, raw: bytes, expected: str) -> None:
        headers = {"If-Match": f'"{expected}"', "Content-Type": "application/json"}
        _checked(await self._send(f"{method} /table", raw, headers))

    async def match(self, question: Mapping[str, Json]) -> list[dict[str, Json]]:
        """Ask which rules would serve some requests."""
        response = _checked(await self._send("POST /match", json.dumps(question).encode()))
        decisions: list[dict[str, Json]] = response.json()["decisions"]
        return decisions

    async def numbers(self) -> str:
        """What the data path has counted, in the text format of Prometheus."""
        return _checked(await self._send("GET /metrics", deadline=SCRAPE)).text

    async def recent(self) -> list[dict[str, Json]]:
        """Some of the last requests, the newest first: what rules look at, and no secrets."""
        answer = _checked(await self._send("GET /recent"))
        # Clients send any bytes in their headers.
        said = json.loads(answer.text)
        found: list[dict[str, Json]] = list(said["requests"] or ())
        return found

    async def aclose(self) -> None:
        """Every request had a connection of its own: nothing is open."""

    async def _send(
        self,
        line: str,
        body: bytes = b"",
        headers: Mapping[str, str] = {},
        deadline: float | None = None,
    ) -> Answer:
        text = f"the gateway does not answer at {self._socket}"
        if not self._socket.exists():  # many stacks have no gateway, and every look asks for it
            raise GatewayDown(text, reason="GatewayDown")
        deadline = deadline or self._deadline
        try:
            return await self._exchange(line, headers, body, deadline)
        except (TimeoutError, ValueError, IndexError) as exc:
            text = f"the gateway at {self._socket}: {type(exc).__name__} {exc}".strip()
            raise Transient(text, reason="GatewayUnreachable") from exc
        except OSError as exc:
            raise GatewayDown(text, reason="GatewayDown") from exc

    async def _exchange(
        self, line: str, headers: Mapping[str, str], body: bytes, deadline: float
    ) -> Answer:
        try:
            return await exchange(self._socket, line, headers, body, deadline=deadline)
        except ConnectionResetError:
            # At a reload a worker that is leaving hangs up, so that another is asked.
            if not line.startswith("GET "):
                raise
        return await exchange(self._socket, line, headers, body, deadline=deadline)


def _traffic(said: Mapping[str, Json]) -> Traffic:
    # An empty object is how an empty list comes.
    refusing = tuple(sorted(said.get("refusing") or ()))
    return Traffic(said.get("open") or {}, refusing, said.get("parked") or 0)


def _worker(said: Mapping[str, Json]) -> Worker:
    return Worker(said["pid"], said["version"], said.get("error"))


def _checked(response: Answer) -> Answer:
    """Let a good answer through; raise what the loop must do about any other."""
    if response.is_success:
        return response
    raise _failure(response.status, *_complaint(response))


def _failure(status: int, text: str, rule: str, code: str) -> ReconcileError:
    match status:
        case HTTPStatus.CONFLICT | HTTPStatus.PRECONDITION_FAILED:
            return Conflict(text, reason="TableChanged")
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            where = f"rule {rule}: " if rule else ""
            return RuleRefused(f"the gateway refuses the table: {where}{text}", rule, code)
        case HTTPStatus.INSUFFICIENT_STORAGE | HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            text = f"the table is too large for the gateway: {text}; have fewer or shorter routes"
            return Terminal(text, reason="TableTooLarge")
    return Transient(f"the gateway answers {status}: {text}", reason="GatewayUnexpected")


def _complaint(response: Answer) -> tuple[str, str, str]:
    try:
        said = response.json()
        return str(said["error"]), str(said.get("rule") or ""), str(said.get("code") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "without a reason", "", ""
