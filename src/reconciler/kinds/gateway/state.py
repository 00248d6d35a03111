"""Gateway, as it runs."""

from __future__ import annotations

from typing import Annotated

from ...core.model import Apply, Resource, State
from .spec import GatewaySpec

CURRENT = "current"


class Listener(State):
    """What the gateway's master process runs with."""

    listen: Annotated[int, Apply.RELOAD]
    bind: Annotated[str, Apply.RELOAD]
    default_backend: str | None = None
    code: Annotated[str, Apply.RELOAD] = CURRENT
    """``current``, or the digest of the other edition of our nginx.conf and Lua it runs with."""
    loaded: Annotated[bool, Apply.RELOAD] = True
    """Whether it runs with the files on disk, and no hand has changed those."""
    started: bool = True


def render(resource: Resource[GatewaySpec]) -> Listener:
    """The listener a gateway asks for."""
    spec = resource.spec
    return Listener(listen=spec.listen, bind=spec.bind, default_backend=spec.default_backend)
