"""Where one instance takes requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ...core.model import Json


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
