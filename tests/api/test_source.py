"""A host's call counts when it is signed with the secret, in whichever way."""

from __future__ import annotations

import hmac
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from reconciler.api.source import SIGNED, TOKEN, is_signed

WAYS = (*SIGNED, TOKEN)


def headers(way: str, body: bytes, secret: str) -> Headers:
    """What a host sends along."""
    signed = hmac.new(secret.encode(), body, sha256).hexdigest()
    start = "sha256=" if way == SIGNED[0] else ""
    return Headers({way: secret if way == TOKEN else f"{start}{signed}"})


SECRETS = st.text("abcdef0123", min_size=1, max_size=12)


@given(st.sampled_from(WAYS), st.binary(max_size=64), SECRETS, SECRETS)
def test_who_knows_the_secret_is_believed(way: str, body: bytes, secret: str, other: str) -> None:
    """And nobody else, nor for another body."""
    sent = headers(way, body, secret)
    assert is_signed(sent, body, secret)
    assert is_signed(sent, body, other) is (secret == other)
    if way != TOKEN:
        assert not is_signed(sent, body + b".", secret)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("said", ["", "sha256=", "sha1=abc", "\xe9", "0" * 64])
def test_nonsense_is_not_believed(way: str, said: str) -> None:
    """Whatever stands there."""
    assert not is_signed(Headers({way: said}), b"", "secret")
    assert not is_signed(Headers({}), b"", "secret")
