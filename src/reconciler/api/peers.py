"""Where a request comes from: this machine, elsewhere, or a web page that pretends."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

CLIENT: Final = "X-Reconciler-Client"
"""Written by the gateway alone, over whatever a client sent: ``local`` or ``stranger``."""


class Client(StrEnum):
    """Who asks. ``misdirected``: from this machine, but under a name that is not this machine's."""

    LOCAL = "local"
    STRANGER = "stranger"
    MISDIRECTED = "misdirected"


class Peer(NamedTuple):
    """Where a request comes from. ``is_owner``: by the socket that only the owner can open."""

    client: Client
    address: str
    is_owner: bool
    is_https: bool


def peer_of(scope: Scope, headers: Headers) -> Peer:
    """Where a request comes from; only the gateway may speak of somebody else."""
    direct = scope.get("client")
    gateway = CLIENT in headers
    # A client's own X-Real-IP never gets here: the gateway writes over it. On the port it lies.
    address = direct[0] if direct else headers.get("x-real-ip", "") if gateway else ""
    # Behind one more proxy only the browser itself knows how it came.
    https = (gateway and headers.get("x-forwarded-proto") == "https") or headers.get(
        "origin", ""
    ).startswith("https://")
    return Peer(client_of(scope), address, direct is None and not gateway, https)


def client_of(scope: Scope) -> Client:
    """Who sent this request. Anything unclear is a stranger."""
    headers = Headers(scope=scope)
    said = headers.getlist(CLIENT)
    if any(word != Client.LOCAL for word in said):
        return Client.STRANGER
    # No address means the unix socket, which only its owner can open. A browser cannot either,
    # so names matter only for what came over TCP, here or at the gateway.
    direct = scope.get("client") is None and not said
    if direct or is_loopback(headers.get("host", "")):
        return Client.LOCAL
    return Client.MISDIRECTED


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine by loopback, which no foreign web page can."""
    name = name_in(host)
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def name_in(host: str) -> str:
    """The name in a Host header, without its port; empty when it is nonsense."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_foreign(scope: Scope) -> bool:
    """Whether a browser sent this on behalf of another site's page."""
    headers = Headers(scope=scope)
    site = headers.get("sec-fetch-site", "none")
    origin = headers.get("origin")
    host = headers.get("host", "")
    same = origin in {None, f"http://{host}", f"https://{host}"}
    return not same or site not in {"none", "same-origin"}
