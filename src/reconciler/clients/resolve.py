"""The addresses of host names, as this machine knows them: /etc/hosts, a container's DNS."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Final, NamedTuple, TypeAlias

from ..core.backend import is_usable

FRESH: Final = 25.0
"""How long an answer is not asked for again (seconds)."""
PATIENCE: Final = 1.0
"""How long a look at the world waits for answers; the next one has them."""
Host: TypeAlias = tuple[str, int]


class _Answer(NamedTuple):
    said: Sequence[str] | str
    at: float


class Names:
    """Asks for addresses, and remembers them for a while. A dead resolver holds nobody up."""

    def __init__(self) -> None:
        self._known: dict[Host, _Answer] = {}
        self._asked: dict[Host, asyncio.Task[None]] = {}

    async def addresses(self, hosts: Iterable[Host]) -> Mapping[Host, Sequence[str] | str]:
        """Of each host its addresses, as ``127.0.0.1:80``, or in words why there are none.

        A host that nobody has answered for yet is missing.
        """
        wanted = set(hosts)
        stale = {host for host in wanted if self._is_stale(host)}
        for host in stale - self._asked.keys():
            self._asked[host] = asyncio.create_task(self._ask(host))
        unheard = [self._asked[host] for host in stale if host not in self._known]
        if unheard:
            await asyncio.wait(unheard, timeout=PATIENCE)
        for host in self._known.keys() - wanted:
            del self._known[host]
        return {host: self._known[host].said for host in wanted if host in self._known}

    def _is_stale(self, host: Host) -> bool:
        known = self._known.get(host)
        return known is None or time.monotonic() - known.at > FRESH

    async def _ask(self, host: Host) -> None:
        try:
            said = await _resolve(*host)
        finally:
            del self._asked[host]
        self._known[host] = _Answer(said, time.monotonic())


async def _resolve(name: str, port: int) -> Sequence[str] | str:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        return f"{name} has no address: {exc.strerror or exc}"
    except UnicodeError:
        return f"{name} is no name to ask for"
    addresses = {ip_address(address[0]) for *_, address in found}
    usable = sorted(address for address in map(str, addresses) if is_usable(ip_address(address)))
    if not usable:
        return f"{name} is at {', '.join(map(str, addresses))}, where no backend may be"
    # Always in one order: servers turn theirs around with every answer.
    return [f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for one in usable]
