"""Signs requests for S3 (AWS Signature Version 4), over what the other side can check.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

EMPTY: Final = hashlib.sha256(b"").hexdigest()
_ALGORITHM: Final = "AWS4-HMAC-SHA256"


class Keys(NamedTuple):
    """Who signs, and for which region."""

    access: str
    secret: str
    region: str


class Request(NamedTuple):
    """What is signed. ``digest`` is of the body; ``moment`` is UTC, as 20260102T030405Z."""

    method: str
    url: str
    headers: Mapping[str, str]
    digest: str
    moment: str


def sign(request: Request, keys: Keys) -> dict[str, str]:
    """The headers to send besides those of the request."""
    parts = urlsplit(request.url)
    fresh = {"x-amz-date": request.moment, "x-amz-content-sha256": request.digest or EMPTY}
    signed = {name.lower(): value.strip() for name, value in request.headers.items()}
    signed = dict(sorted({**signed, **fresh, "host": parts.netloc}.items()))
    names = ";".join(signed)
    lines = [request.method, quote(unquote(parts.path) or "/"), _query(parts.query)]
    lines += [*(f"{name}:{value}" for name, value in signed.items()), "", names]
    lines.append(fresh["x-amz-content-sha256"])
    scope = f"{request.moment[:8]}/{keys.region}/s3/aws4_request"
    canonical = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = f"{_ALGORITHM}\n{request.moment}\n{scope}\n{canonical}"
    key = f"AWS4{keys.secret}".encode()
    for part in scope.split("/"):
        key = _mac(key, part)
    told = f"Credential={keys.access}/{scope}, SignedHeaders={names}"
    signature = _mac(key, text).hex()
    return {**fresh, "authorization": f"{_ALGORITHM} {told}, Signature={signature}"}


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    coded = ((quote(unquote(k), safe="-_.~"), quote(unquote(v), safe="-_.~")) for k, _, v in pairs)
    return "&".join(f"{name}={value}" for name, value in sorted(coded))
