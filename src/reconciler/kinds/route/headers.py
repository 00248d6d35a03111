"""Which headers a route may name, and what they may say."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_ONE_LINE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_OURS: Final = frozenset(
    {
        *("host", "forwarded", "x-real-ip", "x-reconciler-client"),
        *("content-length", "transfer-encoding", "te", "trailer", "expect"),
        *("connection", "keep-alive", "upgrade", "http2-settings"),
        *("proxy-connection", "proxy-authorization"),
    }
)


def header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError("not a header name")
    key = name.lower()
    if key in _OURS or (key.startswith("x-forwarded-") and key != "x-forwarded-prefix"):
        raise ValueError(f"{name} is written by the gateway itself")
    return name


def header_value(value: str) -> str:
    if not _ONE_LINE.fullmatch(value):
        raise ValueError("a header's value is one line of text")
    return value


HeaderName = Annotated[str, StringConstraints(max_length=128), AfterValidator(header_name)]
HeaderValue = Annotated[str, StringConstraints(max_length=4096), AfterValidator(header_value)]
