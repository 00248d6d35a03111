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
    """Whether it runs with the file on disk."""
    started: bool = True


def render(resource: Resource[GatewaySpec], *, bind: str | None = None) -> Listener:
    """The listener a gateway asks for; ``bind`` where its spec leaves the address open."""
    spec = resource.spec
    address = spec.bind if bind is None or "bind" in spec.model_fields_set else bind
    return Listener(listen=spec.listen, bind=address, default_backend=spec.default_backend)
