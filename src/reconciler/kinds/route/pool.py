"""Where the requests of a route go that names a process or a host: a pool, kept at the gateway.

A pool is named by what it stands for (``process/web/http``), so all routes to it share it. It is a
fact of the moment: who is in it never makes a route differ from what is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ...core.model import Json, Observed, Ref, Resource
from ...core.offer import Offer, Presence, Target
from ...core.pool import Host, moved
from .actions import PutPool
from .endpoint import Endpoint, host_of, pool_name, read_endpoints, written_address
from .proxy import Proxy
from .spec import RouteSpec
from .state import Rule


def pool_vitals(
    proxy: Proxy | None,
    pools: Mapping[str, Sequence[Mapping[str, Json]]],
    refusing: Collection[str] = (),
) -> dict[str, Json]:
    """What is served for a route: who is in its pool, where it has one, and who refuses."""
    name = pool_name(proxy)
    if name is None:
        address = written_address(proxy)
        return {"refusing": [address]} if address in refusing else {}
    endpoints = pools.get(name)
    addresses = [one["address"] for one in endpoints or ()]
    refused = [one for one in addresses if one in refusing]
    return {"pool": name, "endpoints": endpoints, "refusing": refused}


def points_at(resource: Resource[RouteSpec]) -> tuple[Target, ...]:
    """The process or host that serves the requests, if the route names one."""
    proxy = resource.spec.proxy
    process, host = None if proxy is None else proxy.process, host_of(proxy)
    if process is not None:
        return (Target(Ref("Process", process.name), process.port),)
    return () if host is None else (host.target,)


def bound(
    resource: Resource[RouteSpec], seen: Observed[Rule], offers: Sequence[Offer]
) -> tuple[PutPool, ...]:
    """The pool to be put, unless it is served as it is to be."""
    proxy = resource.spec.proxy
    process, host = None if proxy is None else proxy.process, host_of(proxy)
    if host is not None:
        return _located(host, seen)
    name = pool_name(proxy)
    if name is None or process is None:
        return ()
    served = read_endpoints(seen.vitals.get("endpoints"))
    if seen.vitals.get("pool") != name:
        served = None
        if any(one.presence is Presence.UNKNOWN for one in offers):
            return ()  # another route may be served from it: look once this one is
    wanted = tuple(pooled(offers, process.port, served or ()))
    return () if wanted == served else (PutPool(name, wanted),)


def _located(host: Host, seen: Observed[Rule]) -> tuple[PutPool, ...]:
    pool = moved(host, seen.vitals)
    return () if pool is None else (PutPool(host.pool, read_endpoints(pool) or ()),)


def pooled(offers: Iterable[Offer], port: str, served: Iterable[Endpoint]) -> Iterator[Endpoint]:
    """Who is to be in the pool; of whom nothing is known, as before, or to wait for."""
    before = {one.name: one for one in served}
    for name, presence, ports in offers:
        if presence is Presence.UNKNOWN and name in before:
            yield before[name]
        elif presence is not Presence.AWAY and port in ports:
            ready = presence is Presence.READY
            yield Endpoint(name, f"127.0.0.1:{ports[port]}", ready)
