"""Where requests are taken: one endpoint, and the pools that are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ...core.backend import address_of
from ...core.model import Json
from ...core.pool import Host, host_in, process_pool
from .proxy import BackendTls, Proxy


class Endpoint(NamedTuple):
    """Where one instance takes requests; one that is not ``ready`` is worth waiting for."""

    name: str
    address: str
    ready: bool = True

    def to_wire(self) -> dict[str, Json]:
        """As the gateway keeps it: whoever is said nothing about is ready."""
        said: dict[str, Json] = {"name": self.name, "address": self.address}
        return said if self.ready else {**said, "ready": False}


def read_endpoints(pool: Iterable[Mapping[str, Json]] | None) -> tuple[Endpoint, ...] | None:
    """A pool as the gateway serves it; None when it serves none."""
    if pool is None:
        return None
    return tuple(
        Endpoint(str(one.get("name", "")), one["address"], one.get("ready", True)) for one in pool
    )


def pool_name(proxy: Proxy | None) -> str | None:
    """Which pool the requests go to; None for one address."""
    process, host = None if proxy is None else proxy.process, host_of(proxy)
    if process is not None:
        return process_pool(process.name, process.port)
    return None if host is None else host.pool


def host_of(proxy: Proxy | None) -> Host | None:
    """The host name that is written for an address."""
    return None if proxy is None else host_in(proxy.backend)


def written_address(proxy: Proxy | None) -> str | None:
    """The address that is written, as the gateway tells that it takes no connection."""
    if proxy is None:
        return None
    tls = proxy.tls or BackendTls()
    return address_of(proxy.backend, called=tls.server_name if tls.verify else "*")
