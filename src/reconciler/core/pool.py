"""Pools: where the requests of a rule go that names no address, and who is in that of a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from .backend import host_of
from .model import Json, Ref
from .offer import Target

HOST: Final = "Host"
"""Not a kind of ours: what is pointed at by a backend that is a host name."""
_OURS: Final = ("process/", "host/")
_LONG: Final = 6


class Host(NamedTuple):
    """A server elsewhere, by its name."""

    name: str
    port: int

    @property
    def pool(self) -> str:
        return f"host/{self.name}:{self.port}"

    @property
    def target(self) -> Target:
        return Target(Ref(HOST, self.name), str(self.port))


def process_pool(name: str, port: str) -> str:
    """The ready instances of a process, on one of its ports."""
    return f"process/{name}/{port}"


@lru_cache(maxsize=1 << 14)
def host_in(backend: str | None) -> Host | None:
    """The host name in a backend as it is served; None when it says where that is."""
    found = host_of(backend)
    return None if found is None else Host(*found)


def located(host: Host, addresses: Iterable[str]) -> list[dict[str, Json]]:
    """The pool of a host that is at these addresses."""
    return [{"name": host.name, "address": _place(one, host.port)} for one in addresses]


def moved(host: Host, vitals: Mapping[str, Json]) -> Sequence[Mapping[str, Json]] | None:
    """The pool to be put, by what is served and what was found; None when it is as it should be.

    What was found once stays, whatever name servers say later. Who was never found is nowhere.
    """
    if vitals.get("pool") != host.pool:
        return None
    served, addresses = vitals.get("endpoints"), vitals.get("addresses")
    if addresses is None:
        return [] if served is None and vitals.get("problem") else None
    wanted = located(host, addresses)
    return None if wanted == served else wanted


def unused_pools(
    pools: Iterable[str], rules: Iterable[Mapping[str, Json]], default: str | None = None
) -> tuple[str, ...]:
    """Pools that no rule of the table points to any more."""
    unused = {name for name in pools if name.startswith(_OURS)}
    if unused:
        unused.difference_update(_needed(({"proxy": {"backend": default}}, *rules)))
    return tuple(sorted(unused))


def _needed(rules: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for rule in rules:
        proxy = rule.get("proxy")
        if proxy is None:
            continue
        process, host = proxy.get("process"), host_in(proxy.get("backend"))
        if process is not None:
            yield process_pool(process["name"], process["port"])
        elif host is not None:
            yield host.pool


def _place(address: str, port: int) -> str:
    is_long = ip_address(address).version == _LONG
    return f"[{address}]:{port}" if is_long else f"{address}:{port}"
