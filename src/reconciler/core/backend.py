"""Where requests are sent: an address the gateway can use, spelled in one way."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, WithJsonSchema

BACKEND_PATTERN: Final = r"^(https?://[^/?#@\s]+/?|unix:/[^?#\s]+)$"
_LONGEST_SOCKET: Final = 100
_PORTS: Final = {"http": 80, "https": 443}
# The same programs speak WebSocket on the same port.
_SAME: Final = {"ws": "http", "wss": "https"}
_EXAMPLE: Final = "write for example http://127.0.0.1:8000"
_LONGEST_NAME: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_WITH_NAME: Final = re.compile(r"https?://([^/:\[\]]+):([0-9]+)")
_ADDRESS: Final = re.compile(r"[0-9.]+")
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
    if not _SOCKET.fullmatch(path) or "//" in path or len(path.encode()) > _LONGEST_SOCKET:
        raise ValueError(
            f"not the path of a socket: {path!r}; write unix:/run/app.sock, "
            f"at most {_LONGEST_SOCKET} bytes"
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
        return _named(name)
    if address.is_unspecified:
        raise ValueError(f"{name} is where servers listen; requests go to 127.0.0.1")
    if not is_usable(address):
        raise ValueError(f"{name} is not an address of a backend")
    return _spelled(address)


def _named(name: str) -> str:
    labels = name.split(".")
    if len(name) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError(f"not a host: {name!r}; {_EXAMPLE}")
    # 127.1, 0x7f.1 and 2130706433 are addresses to some programs and names to others.
    if _NUMBER.fullmatch(labels[-1]):
        raise ValueError(f"not a host: {name!r}; write an address in full, as 127.0.0.1")
    return name


def host_of(backend: str | None) -> tuple[str, int] | None:
    """Name and port of a backend whose address must be asked for; None where it is written."""
    found = _WITH_NAME.fullmatch(backend or "")
    if found is None or found[1] == "localhost" or _ADDRESS.fullmatch(found[1]):
        return None
    return found[1], int(found[2])


def address_of(backend: str | None, *, called: str | None = None) -> str | None:
    """The address that is written, as the gateway tells that it takes no connection.

    ``called``: whose name a certificate is to have there, when it is not the written one.
    """
    if backend is None or host_of(backend) is not None:
        return None
    scheme, _, place = backend.rpartition("://")
    name, _, port = place.rpartition(":")
    if not scheme:
        return backend
    address = f"127.0.0.1:{port}" if name == "localhost" else place
    return address if scheme == "http" else f"{scheme}://{address} as {called or name.strip('[]')}"


def refusal(address: str) -> str:
    """What a person is told of an address that takes no connection."""
    where, _, name = address.partition(" as ")
    more = f", or its certificate for {name} is not accepted" if name not in {"", "*"} else ""
    return f"{where} refuses connections{more}"


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
            "examples": ["http://127.0.0.1:8000", "https://api.example.com", "unix:/run/app.sock"],
        }
    ),
]
"""``http://HOST:PORT``, ``https://HOST:PORT`` or ``unix:/PATH``."""
