"""Where requests are sent: an address the gateway can use, spelled in one way."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, WithJsonSchema

BACKEND_PATTERN: Final = r"^(https?://[^/?#@\s]+/?|unix:/[^?#\s]+)$"
LONGEST_SOCKET: Final = 100
_PORTS: Final = {"http": 80, "https": 443}
# The same programs speak WebSocket on the same port.
_SAME: Final = {"ws": "http", "wss": "https"}
_EXAMPLE: Final = "write for example http://127.0.0.1:8000"
_SOCKET: Final = re.compile(r"/[^\x00-\x20\x7f?#]+")


def parse_backend(text: str) -> str:
    """Spell ``text`` in the one way that is compared and served: ``http://127.0.0.1:8000``.

    Raises ValueError when the gateway could not send requests there.
    """
    if text.startswith("unix:"):
        return f"unix:{_socket(text.removeprefix('unix:').removeprefix('//'))}"
    parts = urlsplit(text)
    scheme = _SAME.get(parts.scheme, parts.scheme)
    if scheme not in _PORTS or not parts.netloc:
        raise ValueError(f"not an address: {text!r}; {_EXAMPLE}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("no user name in a backend; send it by setHeaders where it must be")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(
            f"a path after {parts.netloc} would replace the path of every request; "
            "end the address there"
        )
    return f"{scheme}://{_host(parts)}:{_port(parts, _PORTS[scheme])}"


def socket_of(backend: str | None) -> str | None:
    """The path of a ``unix:`` backend."""
    is_socket = backend is not None and backend.startswith("unix:")
    return backend.removeprefix("unix:") if backend and is_socket else None


def _socket(path: str) -> str:
    if not _SOCKET.fullmatch(path) or "//" in path or len(path.encode()) > LONGEST_SOCKET:
        raise ValueError(
            f"not the path of a socket: {path!r}; write unix:/run/app.sock, "
            f"at most {LONGEST_SOCKET} bytes"
        )
    return path


def _port(parts: SplitResult, usual: int) -> int:
    port = usual if parts.port is None else parts.port  # Raises ValueError over 65535
    if port == 0:
        raise ValueError("port 0 is no address")
    return port


def _host(parts: SplitResult) -> str:
    name = parts.hostname or ""
    if name == "localhost":
        return name
    try:
        address = ip_address(name)
    except ValueError:
        raise ValueError(f"host names are not supported yet: {name!r}; write its address") from None
    if address.is_unspecified:
        raise ValueError(f"{name} is where servers listen; requests go to 127.0.0.1")
    if not is_usable(address):
        raise ValueError(f"{name} is not an address of a backend")
    return _spelled(address)


def is_usable(address: IPv4Address | IPv6Address) -> bool:
    """Whether requests may go there.

    Not to everybody, nor to what is of this link only, such as the data a cloud keeps about it.
    """
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return not (
        address.is_unspecified
        or address.is_link_local
        or address.is_multicast
        or getattr(address, "scope_id", None)
    )


def _spelled(address: IPv4Address | IPv6Address) -> str:
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)


def _validated(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"not an address; {_EXAMPLE}")  # noqa: TRY004 (pydantic reports ValueError)
    return parse_backend(value)


Backend: TypeAlias = Annotated[
    str,
    BeforeValidator(_validated),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": BACKEND_PATTERN,
            "examples": ["http://127.0.0.1:8000", "https://10.0.0.7", "unix:/run/app.sock"],
        }
    ),
]
"""``http://HOST:PORT``, ``https://HOST:PORT`` or ``unix:/PATH``."""
