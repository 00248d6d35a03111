"""Gateway, as it is written."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ...core.backend import Backend
from ...core.model import Apply, Spec
from ...core.networks import Network
from ...core.own_paths import OWN_PATHS
from ...core.units import Size

_PLACE: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+/?")
_FILE: Final = re.compile(r"[^\x00-\x1f\x7f]+")


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("not an address; write for example 127.0.0.1, 0.0.0.0 or ::") from None


def _file(text: str) -> str:
    if not _FILE.fullmatch(text):
        raise ValueError("not a path of a file")
    return text


def _own(text: str) -> str:
    if text not in OWN_PATHS:
        raise ValueError(f"not a path of the operator; these are: {', '.join(OWN_PATHS)}")
    return text


def _place(path: str) -> str:
    if not _PLACE.fullmatch(path) or any(part in {".", ".."} for part in path.split("/")):
        raise ValueError("not a place for it; write a plain path like /ops/metrics")
    return path


Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Address = Annotated[str, AfterValidator(_address)]
File = Annotated[str, StringConstraints(max_length=1024), AfterValidator(_file)]
OwnPath = Annotated[str, AfterValidator(_own)]
Place: TypeAlias = Literal[False] | Annotated[str, AfterValidator(_place)]


class Tls(Spec):
    """The files of a certificate, relative to the spec root. They may change at any time."""

    certificate: File
    """The certificate and those it was signed with, PEM."""
    key: File
    """Its private key, PEM, without a passphrase."""


class Maintenance(Spec):
    """The page a browser gets while the program behind a path is away."""

    file: File | None = None
    """An HTML file, relative to the spec root."""
    text: Annotated[str, StringConstraints(min_length=1, max_length=65536)] | None = None
    """The page itself, HTML."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file is None) == (self.text is None):
            raise ValueError("write either `file` or `text`")
        return self


class Limits(Spec):
    """What one client may ask for."""

    max_body: Size = 104_857_600
    """The most bytes a request may carry; a route may allow less."""
    max_header: Annotated[Size, Field(ge=1024, le=1_048_576)] = 32_768
    """The most bytes of the request line, or of one header line; four times that in all."""
    connections: Annotated[int, Field(ge=1, le=65535)] | None = None
    """How many requests one address may have under way; WebSockets count. None: no limit."""
    rate: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """How many requests a second one address may make. None: no limit."""
    burst: Annotated[int, Field(ge=0, le=100_000)] = 50
    """How many more than `rate` it may make at once before it is told 429."""


class GatewaySpec(Spec):
    """The one public port of a stack."""

    not_yet: ClassVar[tuple[str, ...]] = ()

    listen: Annotated[Port, Apply.RELOAD] = 7860
    """The public port."""
    bind: Annotated[Address, Apply.RELOAD] = "127.0.0.1"
    """The address it is opened on: this machine only, or ``0.0.0.0`` for everybody.

    The variable RECONCILER_BIND gives another default; the image sets it to 0.0.0.0.
    """
    default_backend: Annotated[Backend | None, Apply.LIVE] = None
    """Where requests go that no route takes; none: 404."""
    tls: Annotated[Tls | None, Apply.RELOAD] = None
    """Speak https on the port, with this certificate. A new one is taken over by itself."""
    trusted_proxies: Annotated[tuple[Network, ...], Apply.RELOAD] = ()
    """Proxies in front of this port whose ``X-Forwarded-*`` are believed. Nobody else's are."""
    maintenance_page: Annotated[Maintenance | None, Apply.RELOAD] = None
    """Shown with 503 and Retry-After while a program is away; programs get a line or JSON."""
    limits: Annotated[Limits, Apply.RELOAD] = Limits()
    """What one client may ask for."""
    reserved: Annotated[dict[OwnPath, Place], Apply.RELOAD] = Field(default_factory=dict)
    """Paths of the operator that are moved elsewhere, or switched off: ``/metrics: false``."""

    @model_validator(mode="after")
    def _places_differ(self) -> Self:
        taken: set[str] = set()
        for own in OWN_PATHS:
            place = self.reserved.get(own, own)
            if place is False:
                continue
            if place.endswith("/") != own.endswith("/"):
                word = "with" if own.endswith("/") else "without"
                raise ValueError(f"reserved: {own}: write the new place {word} a slash at its end")
            if place in taken:
                raise ValueError(f"reserved: two of the operator's paths would be at {place}")
            taken.add(place)
        return self
