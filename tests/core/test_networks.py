"""Addresses of clients, spelled in one way."""

from __future__ import annotations

import pytest

from reconciler.core.networks import parse_network


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::/0", "::/0"),
    ],
)
def test_one_spelling(written: str, read: str) -> None:
    """A client's address never comes in IPv6's clothes, so no range is compared in them."""
    assert parse_network(written) == read


@pytest.mark.parametrize("written", ["fe80::1%eth0", "10.0.0.1/8", "10.0.0.0/33", "web", 7, ""])
def test_what_is_none(written: object) -> None:
    """Refused, not read as something else."""
    with pytest.raises(ValueError, match="addr"):
        parse_network(written)
