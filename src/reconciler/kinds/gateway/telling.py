"""What is told of a running gateway."""

from __future__ import annotations

from collections.abc import Collection

from ...clients.gateway import Traffic
from ...clients.resolve import Resolver
from ...clients.table import Document
from ...core.backend import address_of
from ...core.model import Json
from ...core.pool import host_in, unused_pools


def url(bind: str, port: int, *, secure: bool) -> str:
    """What a person on this machine types; "every address" is no address to go to."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(bind, f"[{bind}]" if ":" in bind else bind)  # noqa: S104 (nothing is bound)
    return f"{'https' if secure else 'http'}://{host}:{port}"


def traffic(seen: Traffic) -> dict[str, Json]:
    """Of the endpoints of pools: requests that are under way, and that wait."""
    return {"inFlight": dict(seen.open), "parked": seen.parked}


class Pools:
    """What is told of pools; what was worked out for a table is not worked out again."""

    def __init__(self, resolver: Resolver | None) -> None:
        self._resolver = resolver
        self._unused: tuple[Document, list[str]] = (Document(), [])

    def told(self, document: Document, refusing: Collection[str]) -> dict[str, Json]:
        """Those that nobody points to, and where a default backend is that is a host name.

        And whether nobody there takes a connection.
        """
        if self._unused[0] is not document:
            rules, default = document.rules.values(), document.default_backend
            self._unused = (document, list(unused_pools(document.pools, rules, default)))
        return {
            "unusedPools": self._unused[1],
            "default": self._default(document),
            "refusing": _refusing(document, refusing),
        }

    def _default(self, document: Document) -> dict[str, Json]:
        host = host_in(document.default_backend)
        if host is None or self._resolver is None:
            return {}
        found = self._resolver.found(host.name).told()
        return {"pool": host.pool, "endpoints": document.pools.get(host.pool), **found}


def _refusing(document: Document, refusing: Collection[str]) -> list[str]:
    """Where the default backend is, when none of these places takes a connection."""
    host, address = host_in(document.default_backend), address_of(document.default_backend)
    where = [] if address is None else [address]
    if host is not None:
        where = [one["address"] for one in document.pools.get(host.pool) or ()]
    return where if all(one in refusing for one in where) else []
