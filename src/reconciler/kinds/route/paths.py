"""The one form of a path, as the gateway sees it: ``/a%2Db//c d`` is ``/a-b/c%20d``."""

from __future__ import annotations

import re
from typing import Final

_LEGAL: Final = re.compile(rb"[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]")
_ENCODED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile(rb"[A-Za-z0-9\-._~]")
_REFUSED: Final = frozenset({b"/", b"\\", b"\0"})


def normalise(text: str) -> str:
    """Decode what never needed encoding, keep the rest encoded.

    Raises ValueError for what two programs might read in two ways.
    """
    raw = text.encode()
    if not raw.startswith(b"/"):
        raise ValueError("a path begins with /")
    if re.search(rb"[\\#?\0]", raw):
        raise ValueError("a character that has no place in a path")
    if b"%" in _ENCODED.sub(b"", raw):
        raise ValueError("a percent sign that encodes nothing")
    path = re.sub(rb"//+", b"/", _LEGAL.sub(_encode, _ENCODED.sub(_recode, raw)))
    if any(_name(segment) in {b".", b".."} for segment in path.split(b"/")):
        raise ValueError("a segment `.` or `..`")
    return path.decode("ascii")


def _encode(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


def _recode(match: re.Match[bytes]) -> bytes:
    char = bytes([int(match[1], 16)])
    if char in _REFUSED:
        raise ValueError(f"an encoded character that has no place in a path: %{match[1].decode()}")
    return char if _UNRESERVED.match(char) else b"%%%02X" % char[0]


def _name(segment: bytes) -> bytes:
    # Some servers cut a segment at `;` before they look at it.
    return segment.replace(b"%3B", b";").split(b";")[0]
