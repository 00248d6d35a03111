"""Where requests are sent: an address the gateway can use as it stands."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, WithJsonSchema

BACKEND_PATTERN: Final = r"^http://(localhost|[0-9.]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?/?$"
_HTTP: Final = 80


def parse_backend(text: str) -> str:
    """Spell ``text`` in the one way that is compared and served: ``http://127.0.0.1:8000``.

    Raises ValueError when the gateway could not send requests there.
    """
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https", "ws", "unix"}:
        raise ValueError(f"not an address: {text!r}; write for example http://127.0.0.1:8000")
    if parts.scheme != "http":
        raise ValueError(f"{parts.scheme}:// backends are not supported yet; use http://")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"a path after {parts.netloc} is not supported yet; end the address there")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a user name in a backend is not supported yet")
    return f"http://{_host(parts)}:{_port(parts)}"


def _port(parts: SplitResult) -> int:
    port = _HTTP if parts.port is None else parts.port  # Raises ValueError over 65535
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
    if address.is_link_local or address.is_multicast or getattr(address, "scope_id", None):
        raise ValueError(f"{name} is not an address of a backend")
    return _spelled(address)


def _spelled(address: IPv4Address | IPv6Address) -> str:
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)


def _validated(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not an address; write for example http://127.0.0.1:8000")  # noqa: TRY004 (pydantic reports ValueError)
    return parse_backend(value)


Backend: TypeAlias = Annotated[
    str,
    BeforeValidator(_validated),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": BACKEND_PATTERN,
            "examples": ["http://127.0.0.1:8000", "http://localhost:6185"],
        }
    ),
]
"""``http://IP:PORT`` or ``http://localhost:PORT``."""
