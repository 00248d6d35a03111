"""Connections to addresses and names, for those who only want to know whether one is accepted."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final, NamedTuple, TypeAlias

MOST_ADDRESSES: Final = 8
_UNDER_WAY: Final = (errno.EINPROGRESS, errno.EALREADY)


class Address(NamedTuple):
    family: int
    address: Any


Answer: TypeAlias = list[Any] | OSError


class Names:
    """Looks names up, each in a thread that nobody waits for: a mute name server delays no end."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], asyncio.Future[Answer]] = {}

    async def find(self, host: str, port: int) -> list[Address]:
        """Where ``host`` is. Raises OSError when nobody knows."""
        known = literal(host)
        if known is not None:
            family = socket.AF_INET if known.version == 4 else socket.AF_INET6  # noqa: PLR2004
            return [Address(family, (host, port))]
        # Whoever asks again meanwhile waits for the same answer, so threads do not pile up.
        answer = self._asked.get((host, port)) or self._ask(host, port)
        found = await asyncio.shield(answer)
        if isinstance(found, OSError):
            raise OSError(f"cannot find {host}: {str(found.strerror).lower()}") from found
        return [Address(one[0], one[4]) for one in found[:MOST_ADDRESSES]]

    def _ask(self, host: str, port: int) -> asyncio.Future[Answer]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._asked[host, port] = answer
        answer.add_done_callback(lambda _: self._asked.pop((host, port), None))

        def tell(found: Answer) -> None:
            if not answer.done():
                answer.set_result(found)

        def look() -> None:
            found = _look_up(host, port)
            with suppress(RuntimeError):  # the loop may have ended meanwhile
                loop.call_soon_threadsafe(tell, found)

        threading.Thread(target=look, name="names", daemon=True).start()
        return answer


def _look_up(host: str, port: int) -> Answer:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        return exc if isinstance(exc, OSError) else OSError(0, "not a name")


@lru_cache(maxsize=256)
def literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that ``host`` is; None when it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine, whatever name servers say."""
    known = literal(host)
    return host == "localhost" if known is None else known.is_loopback


async def connect(host: str, port: int, names: Names) -> socket.socket:
    """A connection, to be closed by the caller. Raises OSError that says where and why not."""
    why: OSError | None = None
    for family, address in await names.find(host, port):
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            await _connect(sock, address)
        except OSError as exc:
            sock.close()
            why = exc
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    text = (os.strerror(why.errno) if why and why.errno else "no address").lower()
    raise OSError(f"{text}: {host}:{port}") from why


async def _connect(sock: socket.socket, address: Any) -> None:
    error = sock.connect_ex(address)
    if error in _UNDER_WAY:
        # A neighbour on this machine has answered already, which the next look shows.
        error = sock.connect_ex(address)
    if error in _UNDER_WAY:
        await asyncio.get_running_loop().sock_connect(sock, address)
    elif error not in {0, errno.EISCONN}:
        raise OSError(error, os.strerror(error))
    if sock.getsockname() == sock.getpeername():
        # The kernel chose the very port we asked for as our own: nobody else is there.
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
