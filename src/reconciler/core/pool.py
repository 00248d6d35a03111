"""Names of pools: where the requests of a rule go that names no address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .backend import host_of
from .model import Json


def process_pool(name: str, port: str) -> str:
    """The ready instances of a process, on one of its ports."""
    return f"process/{name}/{port}"


def host_pool(backend: str | None) -> str | None:
    """The addresses of a backend that is a host name."""
    found = host_of(backend)
    return None if found is None else f"host/{found[0]}:{found[1]}"


def unused_pools(
    pools: Iterable[str], rules: Iterable[Mapping[str, Json]], default: str | None = None
) -> tuple[str, ...]:
    """Pools that neither a rule of the table nor its default backend points to any more."""
    ours = {name for name in pools if name.startswith(("process/", "host/"))}
    ours.discard(host_pool(default) or "")
    if not ours:
        return ()
    for rule in rules:
        proxy = rule.get("proxy") or {}
        process = proxy.get("process")
        if process is not None:
            ours.discard(process_pool(process["name"], process["port"]))
        else:
            ours.discard(host_pool(proxy.get("backend")) or "")
    return tuple(sorted(ours))
