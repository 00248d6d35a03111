"""Names of pools: where the requests of a rule go that names no address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .model import Json


def process_pool(name: str, port: str) -> str:
    """The ready instances of a process, on one of its ports."""
    return f"process/{name}/{port}"


def unused_pools(pools: Iterable[str], rules: Iterable[Mapping[str, Json]]) -> tuple[str, ...]:
    """Pools of processes that no rule of the table points to any more."""
    ours = {name for name in pools if name.startswith("process/")}
    if not ours:
        return ()
    for rule in rules:
        process = (rule.get("proxy") or {}).get("process")
        if process is not None:
            ours.discard(process_pool(process["name"], process["port"]))
    return tuple(sorted(ours))
