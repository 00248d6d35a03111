"""What is told of a running gateway."""

from __future__ import annotations

from ...clients.gateway import Traffic
from ...core.model import Json


def url(bind: str, port: int, *, secure: bool) -> str:
    """What a person on this machine types; "every address" is no address to go to."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(bind, f"[{bind}]" if ":" in bind else bind)  # noqa: S104 (nothing is bound)
    return f"{'https' if secure else 'http'}://{host}:{port}"


def traffic(seen: Traffic) -> dict[str, Json]:
    """Of the endpoints of pools: requests that are under way, and that wait."""
    return {"inFlight": dict(seen.open), "parked": seen.parked}
