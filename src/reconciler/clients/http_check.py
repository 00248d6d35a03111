"""Asks over HTTP whether something works: one request, one answer, no redirect followed."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

import h11

from ..core.model import Json
from ..core.probe import Http, JsonValue
from ..core.sealed import Sealed
from ..core.verdict import Result
from .names import Names, connect, is_loopback

BLOCK: Final = 1 << 16
POLITE: Final = 1 << 16
"""How much of a body that nobody needs is read, so that the sender need not see a reset."""
JSON_LIMIT: Final = 1 << 20
_status: Final = re.compile(rb"HTTP/1\.[01] ([2-5][0-9]{2})(?: |\r\n|$)")
_length: Final = re.compile(rb"\r\ncontent-length: *([0-9]{1,6})(?=\r\n|$)", re.IGNORECASE)
_HTTP: Final = b"HTTP/"
_SHOWN: Final = 60
_NOWHERE: Final = object()
_DEFAULTS: Final = {"User-Agent": "reconciler-probe", "Accept": "*/*", "Connection": "close"}


class Wire(NamedTuple):
    """What bytes go over."""

    send: Callable[[bytes], Awaitable[None]]
    receive: Callable[[], Awaitable[bytes]]
    close: Callable[[], None]


async def ask(check: Http, names: Names) -> Result:
    """Whether a request is answered as it should be."""
    try:
        wire = await _open(check, names)
        try:
            status, body = await _exchange(check, wire)
        finally:
            wire.close()
    except ssl.SSLError as exc:
        return Result(ok=False, message=f"no TLS with {check.host}:{check.port}: {exc.reason}")
    except OSError as exc:
        return Result(ok=False, message=str(exc))
    except h11.RemoteProtocolError as exc:
        return Result(ok=False, message=f"no HTTP from {check.host}:{check.port}: {exc}")
    if not check.accepts(status):
        return Result(ok=False, message=f"status {status}, not {', '.join(check.status)}")
    return Result(ok=True) if check.json_value is None else judge_json(check.json_value, body)


def judge_json(check: JsonValue, body: bytes) -> Result:
    """Whether the value that is asked for is what it must be."""
    if len(body) > JSON_LIMIT:
        return Result(ok=False, message=f"the answer is larger than {JSON_LIMIT} bytes")
    try:
        found = _find(json.loads(body), check.path)
    except (ValueError, RecursionError):
        return Result(ok=False, message="the answer is no JSON")
    if found is _NOWHERE:
        return Result(ok=False, message=f"the answer has no {check.path}")
    if _equal(found, check.equals):
        return Result(ok=True)
    said = json.dumps(found)
    shown = said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"
    return Result(ok=False, message=f"{check.path} is {shown}, not {json.dumps(check.equals)}")


def _find(value: Json, path: str) -> Any:
    for key in path.split("."):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return _NOWHERE
    return value


def _equal(found: Json, wanted: Json) -> bool:
    # In Python true equals 1, in JSON it does not.
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


async def _open(check: Http, names: Names) -> Wire:
    loop = asyncio.get_running_loop()
    sock = await connect(str(check.host), int(check.port), names)
    if check.scheme == "http":
        return Wire(
            lambda data: loop.sock_sendall(sock, data),
            lambda: loop.sock_recv(sock, BLOCK),
            sock.close,
        )
    try:
        reader, writer = await asyncio.open_connection(
            sock=sock,
            ssl=await asyncio.to_thread(_trust, is_loopback(check.host)),
            server_hostname=check.host,
        )
    except BaseException:
        sock.close()
        raise

    async def send(data: bytes) -> None:
        writer.write(data)
        await writer.drain()

    return Wire(send, lambda: reader.read(BLOCK), writer.transport.abort)


@lru_cache(maxsize=2)
def _trust(here: bool) -> ssl.SSLContext:  # noqa: FBT001 (the key of a cache)
    """Whom to believe; slow, it reads all the authorities there are."""
    context = ssl.create_default_context()
    if here:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _exchange(check: Http, wire: Wire) -> tuple[int, bytes]:
    """The status and the body, as much of it as is needed."""
    await wire.send(_request(check))
    data = await wire.receive()
    if data and not data.startswith(_HTTP[: len(data)]):
        shown = json.dumps(data.splitlines()[0][:_SHOWN].decode(errors="replace"))
        raise OSError(f"no HTTP from {check.host}:{check.port}: it answered {shown}")
    if check.json_value is None and (status := _whole(data)):
        return status, b""
    return await _read(check, wire, data)


def _whole(data: bytes) -> int:
    """The status, when ``data`` is a plain answer from its beginning to its end; else 0.

    Most are, and this costs a tenth of parsing them.
    """
    head, separator, body = data.partition(b"\r\n\r\n")
    status, length = _status.match(head), _length.findall(head)
    if not separator or status is None or len(length) != 1 or int(length[0]) != len(body):
        return 0
    return int(status[1])


async def _read(check: Http, wire: Wire, data: bytes) -> tuple[int, bytes]:
    """The same for whatever else HTTP allows."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=check.method, target=check.path, headers=_headers(check)))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    status, body = 0, bytearray()
    enough = POLITE if check.json_value is None else JSON_LIMIT
    while len(body) <= enough:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await wire.receive())
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        elif not isinstance(event, h11.InformationalResponse):
            break
    return status, bytes(body)


def _request(check: Http) -> bytes:
    lines = [f"{check.method} {check.path} HTTP/1.1"]
    lines += (f"{name}: {value}" for name, value in _headers(check))
    return "\r\n".join([*lines, "\r\n"]).encode()


def _headers(check: Http) -> list[tuple[str, str]]:
    host = f"[{check.host}]" if ":" in check.host else check.host
    given = {name: _revealed(name, value) for name, value in check.headers.items()}
    lower = {name.lower() for name in given}
    usual = {"Host": f"{host}:{check.port}", **_DEFAULTS}
    return [*((k, v) for k, v in usual.items() if k.lower() not in lower), *given.items()]


def _revealed(name: str, value: str | Sealed) -> str:
    if isinstance(value, str):
        return value
    text = value.reveal()
    if not text.isascii() or not text.isprintable():
        raise OSError(f"the secret header {name} holds more than one line of plain text")
    return text
