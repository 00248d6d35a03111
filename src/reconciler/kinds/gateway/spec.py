"""Gateway, as it is written."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from ...core.backend import Backend
from ...core.model import Apply, Spec


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("not an address; write for example 127.0.0.1, 0.0.0.0 or ::") from None


Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Address = Annotated[str, AfterValidator(_address)]


class GatewaySpec(Spec):
    """The one public port of a stack."""

    not_yet: ClassVar[tuple[str, ...]] = (
        "trustedProxies",
        "maintenancePage",
        "limits",
        "tls",
        "reserved",
    )

    listen: Annotated[Port, Apply.RELOAD] = 7860
    """The public port."""
    bind: Annotated[Address, Apply.RELOAD] = "127.0.0.1"
    """The address it is opened on: this machine only, or ``0.0.0.0`` for everybody.

    The variable RECONCILER_BIND gives another default; the image sets it to 0.0.0.0.
    """
    default_backend: Annotated[Backend | None, Apply.LIVE] = None
    """Where requests go that no route takes; none: 404."""
