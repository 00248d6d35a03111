"""Addresses of clients: one, or a range of them."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

EVERYBODY: Final = "all"
_CLOTHES: Final = 96
"""Bits in front of an IPv4 address that is written as an IPv6 one."""


def parse_network(text: Any) -> str:
    """Spell a range in one way: ``10.0.0.0/8``, ``2001:db8::/32``, ``192.0.2.7``.

    Raises ValueError, with the range that was meant where that can be told.
    """
    if not isinstance(text, str):
        raise ValueError("not an address; write for example 10.0.0.0/8")  # noqa: TRY004 (pydantic reports ValueError)
    try:
        network = ip_network(text, strict=False)
        first = ip_address(text.partition("/")[0])
    except ValueError:
        raise ValueError(f"not an address or a range: {text!r}; write 10.0.0.0/8") from None
    if getattr(first, "scope_id", None):
        raise ValueError(f"{text} is an address of one link only; write it without the %")
    if "/" in text and network.network_address != first:
        raise ValueError(f"{text} is an address inside a range; write {network}")
    network = _plain(network)
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if single else str(network)


def _plain(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """An IPv4 range in IPv6's clothes as what it is: clients are compared without these."""
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _CLOTHES:
        return network
    return IPv4Network((mapped, network.prefixlen - _CLOTHES))


def _parse_group(text: Any) -> str:
    return EVERYBODY if text == EVERYBODY else parse_network(text)


_SCHEMA: Final = {"type": "string", "examples": ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]}

Network: TypeAlias = Annotated[str, BeforeValidator(parse_network), WithJsonSchema(_SCHEMA)]
"""An address or a range (CIDR)."""

ClientGroup: TypeAlias = Annotated[
    str,
    BeforeValidator(_parse_group),
    WithJsonSchema({**_SCHEMA, "examples": [*_SCHEMA["examples"], EVERYBODY]}),
]
"""An address, a range, or ``all``."""
