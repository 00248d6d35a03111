"""Where the requests of a route go that names a process or a host: a pool, kept at the gateway.

A pool is named by what it stands for (``process/web/http``), so all routes to it share it. It is a
fact of the moment: who is in it never makes a route differ from what is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from ...core.model import Due, Json, Observed, Ref, Resource
from ...core.offer import Offer, Presence, Target
from ...core.pool import host_pool, process_pool
from .actions import PutPool
from .endpoint import Endpoint, read_endpoints
from .proxy import Proxy
from .spec import RouteSpec
from .state import Rule

ASK_AGAIN: Final = 30.0
"""How long the addresses of a name are used before they are asked for again (seconds)."""


def pool_name(proxy: Proxy | None) -> str | None:
    """Which pool the requests go to; None for one address."""
    if proxy is None or proxy.process is None:
        return None if proxy is None else host_pool(proxy.backend)
    return process_pool(proxy.process.name, proxy.process.port)


def pool_vitals(
    proxy: Proxy | None,
    pools: Mapping[str, Sequence[Mapping[str, Json]]],
    refusing: Collection[str] = (),
) -> dict[str, Json]:
    """What is served for a route that names a process: who is in its pool, and who refuses."""
    name = pool_name(proxy)
    if name is None:
        return {}
    endpoints = pools.get(name)
    addresses = [one["address"] for one in endpoints or ()]
    refused = [one for one in addresses if one in refusing]
    return {"pool": name, "endpoints": endpoints, "refusing": refused}


def points_at(resource: Resource[RouteSpec]) -> tuple[Target, ...]:
    """The process that serves the requests, if the route names one."""
    process = None if resource.spec.proxy is None else resource.spec.proxy.process
    return () if process is None else (Target(Ref("Process", process.name), process.port),)


def bound(
    resource: Resource[RouteSpec], seen: Observed[Rule], offers: Sequence[Offer]
) -> tuple[PutPool, ...]:
    """The pool to be put, unless it is served as it is to be."""
    process = None if resource.spec.proxy is None else resource.spec.proxy.process
    name = pool_name(resource.spec.proxy)
    if name is None or process is None:
        return ()
    served = read_endpoints(seen.vitals.get("endpoints"))
    if seen.vitals.get("pool") != name:
        served = None
        if any(one.presence is Presence.UNKNOWN for one in offers):
            return ()  # another route may be served from it: look once this one is
    wanted = tuple(pooled(offers, process.port, served or ()))
    return () if wanted == served else (PutPool(name, wanted),)


def pooled(offers: Iterable[Offer], port: str, served: Iterable[Endpoint]) -> Iterator[Endpoint]:
    """Who is to be in the pool; of whom nothing is known, as before, or to wait for."""
    before = {one.name: one for one in served}
    for name, presence, ports in offers:
        if presence is Presence.UNKNOWN and name in before:
            yield before[name]
        elif presence is not Presence.AWAY and port in ports:
            ready = presence is Presence.READY
            yield Endpoint(name, f"127.0.0.1:{ports[port]}", ready)


def due(resource: Resource[RouteSpec], seen: Observed[Rule], _now: float) -> Due:
    """The addresses of a host name change: they are asked for again and again."""
    proxy = resource.spec.proxy
    name = None if proxy is None else host_pool(proxy.backend)
    if name is None:
        return Due()
    addresses = seen.vitals.get("resolved") if seen.vitals.get("pool") == name else None
    wanted = tuple(Endpoint(address, address) for address in addresses or ())
    # One that cannot be resolved now is served where it was: unknown is not away.
    is_news = bool(wanted) and wanted != read_endpoints(seen.vitals.get("endpoints"))
    return Due((PutPool(name, wanted),) if is_news else (), after=ASK_AGAIN)
