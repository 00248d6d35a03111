"""Route, as it is written."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ...core.backend import Backend
from ...core.model import Spec
from ...core.units import Duration, Name
from .paths import normalise
from .regex import check_regex

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FIELD_NAME: Final = re.compile(r"[A-Za-z0-9-]+")
_ONE_LINE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_URL: Final = re.compile(r"(/(?!/)|https?://[^/\s\\?#@]+/)[^\s\\#\x00-\x1f\x7f]*")
_LABEL: Final = re.compile(r"[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?")
_OURS: Final = frozenset(
    {
        *("host", "forwarded", "x-real-ip", "x-reconciler-client"),
        *("content-length", "transfer-encoding", "te", "trailer", "expect"),
        *("connection", "keep-alive", "upgrade", "http2-settings"),
        *("proxy-connection", "proxy-authorization"),
    }
)


def _path(text: str) -> str:
    normalise(text)
    return text


def _host(text: str) -> str:
    name = text.lower()
    if not all(map(_LABEL.fullmatch, name.removeprefix("*.").split("."))):
        raise ValueError("not a host; write example.com or *.example.com, without a port")
    return name


def _header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError("not a header name")
    key = name.lower()
    if key in _OURS or (key.startswith("x-forwarded-") and key != "x-forwarded-prefix"):
        raise ValueError(f"{name} is written by the gateway itself")
    return name


def _compared_name(name: str) -> str:
    """What nginx lets through, and what nobody writes anew on the way to a program."""
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError("not a header that nginx reads; use letters, digits and -")
    if name.lower() == "host":
        raise ValueError("write match.host to compare the host")
    if name.lower().startswith("x-forwarded-"):
        raise ValueError(f"{name} is written by the gateway itself")
    return _header_name(name)


def _compared_value(value: str) -> str:
    if value != value.strip(" \t"):
        raise ValueError("no header's value begins or ends with a space")
    return _header_value(value)


def _regex(text: str) -> str:
    check_regex(text)
    return text


def _header_value(value: str) -> str:
    if not _ONE_LINE.fullmatch(value):
        raise ValueError("a header's value is one line of text")
    return value


def _target(text: str) -> str:
    if not _URL.fullmatch(text):
        raise ValueError("not a path; write /new/ or a URL with a path, https://example.com/new/")
    return text


Path = Annotated[str, StringConstraints(max_length=1024), AfterValidator(_path)]
Host = Annotated[str, StringConstraints(max_length=255), AfterValidator(_host)]
Method = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,20}$")]
HeaderName = Annotated[str, StringConstraints(max_length=128), AfterValidator(_header_name)]
HeaderValue = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_header_value)]
Regex = Annotated[str, StringConstraints(min_length=1), AfterValidator(_regex)]
ComparedName = Annotated[str, StringConstraints(max_length=128), AfterValidator(_compared_name)]
ComparedValue = Annotated[
    str, StringConstraints(min_length=1, max_length=4096), AfterValidator(_compared_value)
]
Target = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_target)]


_RESERVED: Final = frozenset(
    {
        *("/health", "/healthz", "/livez", "/readyz", "/metrics"),
        *("/admin/routes.json", "/admin/password", "/api/sync-progress"),
    }
)
_RESERVED_BELOW: Final = ("/health/", "/admin/ui/", "/admin/api/", "/api/pm/", "/sync/api/")


def _free(text: str) -> str:
    """No rule is ever asked about the operator's own paths."""
    if text.startswith(_RESERVED_BELOW):
        raise ValueError("this path is the operator's own; a route can not have it")
    return text


def _free_exact(text: str) -> str:
    if text in _RESERVED:
        raise ValueError("this path is the operator's own; a route can not have it")
    return _free(text)


class HeaderMatch(Spec):
    """One header of the request: all that is said of it must hold."""

    name: ComparedName
    """Case does not count. Several headers of one name are one value, joined by a comma."""
    equals: ComparedValue | None = None
    """The whole value."""
    contains: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = None
    """What the value contains."""
    regex: Regex | None = None
    """What the value has at any place; ``^`` and ``$`` are its start and end."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.equals is None and self.contains is None and self.regex is None:
            raise ValueError("write `equals`, `contains` or `regex`")
        return self


class Match(Spec):
    """Which requests: all given conditions must hold."""

    host: Host | None = None
    """The host asked for: ``example.com``, or ``*.example.com`` for all names below it."""
    path_prefix: Annotated[Path, AfterValidator(_free)] | None = None
    """How the path begins."""
    path_equal: Annotated[Path, AfterValidator(_free_exact)] | None = None
    """The whole path."""
    methods: Annotated[tuple[Method, ...], Field(min_length=1)] | None = None
    """One of these methods, exactly: GET does not mean HEAD."""
    referer_substr: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    """What the Referer header contains."""
    referer_regex: Regex | None = None
    """What the Referer header has at any place; ``^`` and ``$`` are its start and end."""
    headers: Annotated[tuple[HeaderMatch, ...], Field(min_length=1, max_length=20)] | None = None
    """What other headers say."""


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
    """Where the program listens: ``http://127.0.0.1:8000``."""
    process: Instances | None = None
    """Instead of an address: the ready instances of a Process, balanced."""
    strip_prefix: bool = False
    """Whether the program sees the path without ``match.pathPrefix``."""
    set_headers: tuple[Header, ...] = ()
    """Headers of the request, added or replaced."""
    timeouts: Timeouts = Timeouts()

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.backend is None) == (self.process is None):
            raise ValueError("write either `backend` or `process`")
        return self


class Redirect(Spec):
    """Send the browser elsewhere; the query is kept."""

    to: Target | None = None
    """The new address."""
    to_prefix: Target | None = None
    """What takes the place of ``match.pathPrefix``; the rest of the path follows."""
    code: Literal[301, 302, 307, 308] = 302

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.to is None) == (self.to_prefix is None):
            raise ValueError("write either `to` or `toPrefix`")
        if self.to_prefix is not None and "?" in self.to_prefix:
            raise ValueError("`toPrefix` is the beginning of a path and has no query")
        return self


class Respond(Spec):
    """Answer at once with a fixed text."""

    status: Annotated[int, Field(ge=200, le=599)]
    body: Annotated[str, StringConstraints(max_length=65536)] = ""


class RouteSpec(Spec):
    """Which requests go where. The highest priority wins, then the longer pathPrefix."""

    not_yet: ClassVar[tuple[str, ...]] = (
        "proxy.maxBody",
        "proxy.buffering",
        "access",
        "auth",
        "static",
        "tests",
    )

    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    """Higher wins. Ties: longer pathPrefix, longer refererSubstr, order, name."""
    order: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """The position among equals, in an imported list; lower wins."""
    match: Match = Match()
    proxy: Proxy | None = None
    redirect: Redirect | None = None
    respond: Respond | None = None

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        actions: list[Any] = [self.proxy, self.redirect, self.respond]
        if sum(action is not None for action in actions) != 1:
            raise ValueError("write exactly one of `proxy`, `redirect` and `respond`")
        return self

    @model_validator(mode="after")
    def _prefix_where_needed(self) -> Self:
        if self.match.path_prefix is not None:
            return self
        if self.proxy is not None and self.proxy.strip_prefix:
            raise ValueError("`proxy.stripPrefix` needs `match.pathPrefix`")
        if self.redirect is not None and self.redirect.to_prefix is not None:
            raise ValueError("`redirect.toPrefix` needs `match.pathPrefix`")
        return self
