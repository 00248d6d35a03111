"""A request as it is typed: an address, a method, headers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from ..kinds.route.match import Request
from .outcome import Failure

HINT: Final = "write http://example.com/path, or /path for any host"


class Asked(NamedTuple):
    """The request, its query, and how it is written."""

    request: Request
    query: str
    url: str


def read_request(url: str, method: str, headers: Iterable[str]) -> Asked:
    """What the command line says. Raises Failure for what is no request."""
    found = _headers(headers)
    host, target = _parts(url)
    host = _bare(found.pop("host", host))
    target = target.partition("#")[0]  # stays with the browser
    path, _, query = target.partition("?")
    request = Request(path or "/", host, method.upper(), None, found)
    return Asked(request, query, f"http://{host}{target or '/'}")


def _parts(url: str) -> tuple[str, str]:
    if url.startswith("/"):
        return "localhost", url
    scheme, parted, rest = url.partition("://")
    if not parted or scheme.lower() not in {"http", "https", "ws", "wss"}:
        raise Failure(f"{url!r} is no address", hint=HINT)
    end = min((at for sign in "/?#" if (at := rest.find(sign)) >= 0), default=len(rest))
    host, target = rest[:end], rest[end:]
    if not host or "@" in host:
        raise Failure(f"{url!r} names no host", hint=HINT)
    return host, target if target.startswith("/") else f"/{target}"


def _bare(host: str) -> str:
    """As nginx takes it: in lower case, without a port and the dot of the root."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0].removesuffix(".")


def _headers(written: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in written:
        name, parted, value = one.partition(":")
        key, value = name.strip().lower(), value.strip()
        if not parted or not key or any(char < " " or char == "\x7f" for char in one):
            raise Failure(f"{one!r} is no header", hint="write it as -H 'Name: value'")
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found
