"""How a route hands requests on, as it is written."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ...core.backend import Backend
from ...core.model import Spec
from ...core.units import Duration, Name, Size
from .headers import HeaderName, HeaderValue

_SERVER: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")


def _server(text: str) -> str:
    if not _SERVER.fullmatch(text):
        raise ValueError("not a host name; write for example example.com")
    return text.lower()


ServerName = Annotated[str, AfterValidator(_server)]


class Header(Spec):
    """One header of the request that the backend gets."""

    name: HeaderName
    value: HeaderValue


class Timeouts(Spec):
    """How long the gateway waits: to connect, and between two reads or two writes."""

    connect: Duration = 5.0
    read: Duration = 600.0
    send: Duration = 600.0

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if min(self.connect, self.read, self.send) <= 0:
            raise ValueError("a timeout of 0 would refuse every request")
        return self


class BackendTls(Spec):
    """How an https:// backend shows that it is the one."""

    verify: bool = True
    """Whether its certificate must be signed by somebody this machine trusts. Without that,
    whoever sits between sees and changes everything."""
    server_name: ServerName | None = None
    """The name that is asked for and that the certificate must have; by default the backend's."""


class Instances(Spec):
    """The ready instances of a process."""

    name: Name
    """The Process, by its name."""
    port: Name
    """One of its ports, by the name it has there."""
    wait: Annotated[Duration, Field(le=600)] = 30.0
    """How long a request waits while none is ready and one is on its way, before it gets 503."""


class Proxy(Spec):
    """Hand the request to a program and its answer back."""

    backend: Backend | None = None
    """Where the program listens: ``http://127.0.0.1:8000``, ``https://…``, ``unix:/run/app.sock``.
    """
    process: Instances | None = None
    """Instead of an address: the ready instances of a Process, balanced."""
    strip_prefix: bool = False
    """Whether the program sees the path without ``match.pathPrefix``."""
    set_headers: tuple[Header, ...] = ()
    """Headers of the request, added or replaced."""
    timeouts: Timeouts = Timeouts()
    max_body: Size | None = None
    """The most bytes of a request; by default, and at most, the Gateway's ``limits.maxBody``."""
    buffering: Literal["auto", "on", "off"] = "auto"
    """``auto``: requests are taken whole, answers and event streams pass as they come. ``on``:
    answers are taken whole too, so that a slow client holds no program up; not for event streams.
    ``off``: uploads pass as they come, too.
    """
    host_header: Literal["client", "backend"] | None = None
    """Which host the program is told: the one the client asked for, or its own. By default its own
    for https:// with a host name, else the client's."""
    tls: BackendTls | None = None
    """How an https:// backend shows that it is the one."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.backend is None) == (self.process is None):
            raise ValueError("write either `backend` or `process`")
        return self

    @model_validator(mode="after")
    def _tls_where_spoken(self) -> Self:
        if self.tls is not None and not (self.backend or "").startswith("https:"):
            raise ValueError("`tls` is for https:// backends")
        return self
