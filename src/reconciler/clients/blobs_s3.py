"""Keeps blobs in a bucket of S3, or of what speaks as it does (MinIO, R2, Ceph)."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode
from xml.sax.saxutils import unescape

from ..core.errors import Transient
from .blobs import Blob, BlobStore, Shrunk, Source, hash_of, is_name, is_same, missing, taken
from .blobs_http import Answer, Call, Failed, Refused, Web, origin
from .sigv4 import EMPTY, Keys, Request, sign

SINGLE: Final = 64 << 20
"""Bytes up to which a blob goes as one; what is larger goes in parts of at least as many."""
_MOST_PARTS: Final = 9000
_HASH: Final = "x-amz-meta-sha256"
_GONE: Final = frozenset({200, 204, 404})
_CONTENT: Final = frozenset({200, 206})
_NO_HEADERS: Final[Mapping[str, str]] = {}
_NO_QUERY: Final[Mapping[str, str | int]] = {}


@dataclass(frozen=True, slots=True)
class Bucket:
    """Which bucket where, and how often to try."""

    endpoint: str
    name: str
    prefix: str = ""
    retries: int = 3

    def url(self, key: str = "", query: Mapping[str, str | int] = _NO_QUERY) -> str:
        """By path: not every S3 has a host name for each bucket."""
        asked = "?" + urlencode(sorted(query.items()), quote_via=quote) if query else ""
        path = f"{self.endpoint.rstrip('/')}/{quote(self.name)}"
        return f"{path}{'/' + quote(self.prefix + key) if key else ''}{asked}"

    def __str__(self) -> str:
        return f"bucket {self.name} at {self.endpoint}"


class Piece(NamedTuple):
    """Some of a content."""

    source: Source
    start: int
    size: int

    def parts(self, stop: threading.Event) -> Iterator[bytes]:
        return self.source.parts(stop, self.start, self.size)


class S3Store(BlobStore):
    """Objects by key, signed with everything they hold."""

    largest = 5 << 40

    def __init__(self, bucket: Bucket, keys: Keys, stop: threading.Event) -> None:
        self._bucket = bucket
        self._keys = keys
        self._web = Web(self._sign, frozenset({origin(bucket.endpoint)}), (keys.secret,), stop)

    def find(self, name: str) -> Blob | None:
        try:
            answer = self._ask(Call("HEAD", self._url(name)))
        except Refused as exc:
            if exc.answer.status != HTTPStatus.NOT_FOUND:
                raise
            self._demand_bucket()
            return None
        size = int(answer.headers.get("content-length", "-1"))
        return Blob(name, size, answer.headers.get(_HASH, ""))

    def put(self, name: str, source: Source) -> None:
        there = self.find(name)
        if there is not None and is_same(there, source):
            return
        if there is not None:
            raise taken(name, str(self._bucket))
        headers = {_HASH: source.sha256}
        if source.size <= SINGLE:
            self._put(Piece(source, 0, source.size), self._url(name), headers)
        else:
            self._put_in_parts(source, self._url(name), headers)

    def fetch(self, name: str, start: int = 0) -> Generator[bytes, None, None]:
        ranged = {"Range": f"bytes={start}-"} if start else {}
        try:
            yield from self._web.stream(Call("GET", self._url(name), ranged, accepts=_CONTENT))
        except Refused as exc:
            if exc.answer.status == HTTPStatus.NOT_FOUND:
                raise missing(name, str(self._bucket)) from exc
            if exc.answer.status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise

    def blobs(self) -> Iterator[Blob]:
        prefix, more = self._bucket.prefix, ""
        while True:
            asked: dict[str, str | int] = {"list-type": 2, "prefix": prefix}
            url = self._bucket.url(query=asked | ({"continuation-token": more} if more else {}))
            text = self._ask(Call("GET", url)).content.decode("utf-8", "replace")
            if "ListBucketResult" not in text:
                raise Transient(f"{self._bucket} told no list", reason="StoreRefused")
            for found in re.findall(r"<Contents>(.*?)</Contents>", text, re.DOTALL):
                yield Blob(_field(found, "Key").removeprefix(prefix), int(_field(found, "Size")))
            if _field(text, "IsTruncated") != "true":
                return
            more = _field(text, "NextContinuationToken")

    def delete(self, name: str) -> None:
        self._ask(Call("DELETE", self._url(name), accepts=_GONE))

    def close(self) -> None:
        self._web.close()

    def _put_in_parts(self, source: Source, url: str, headers: Mapping[str, str]) -> None:
        """The object appears with the last word, whole; what a failure leaves is cleared away."""
        begun = self._ask(Call("POST", f"{url}?uploads=", headers))
        upload = quote(_field(begun.content.decode("utf-8", "replace"), "UploadId"), safe="")
        try:
            tags, whole = list[str](), hashlib.sha256()
            size = max(SINGLE, -(-source.size // _MOST_PARTS))
            for number, start in enumerate(range(0, source.size, size), 1):
                piece = Piece(source, start, min(size, source.size - start))
                for part in piece.parts(self._web.stop):
                    whole.update(part)
                tags.append(self._put(piece, f"{url}?partNumber={number}&uploadId={upload}"))
        except BaseException:
            self._abort(f"{url}?uploadId={upload}")
            raise
        if whole.hexdigest() != source.sha256:
            self._abort(f"{url}?uploadId={upload}")
            raise Shrunk
        self._complete(f"{url}?uploadId={upload}", tags)

    def _put(self, piece: Piece, url: str, headers: Mapping[str, str] = _NO_HEADERS) -> str:
        """Send some of the content; the other side refuses what is not what was signed."""

        def body() -> Iterator[bytes]:
            return piece.parts(self._web.stop)

        call = Call("PUT", url, headers, body=body, size=piece.size, digest=hash_of(body()))
        return str(self._ask(call).headers.get("etag", ""))

    def _complete(self, url: str, tags: list[str]) -> None:
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
            for number, tag in enumerate(tags, 1)
        )
        content = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        digest = hashlib.sha256(content).hexdigest()
        call = Call(
            "POST", url, {}, body=lambda: iter((content,)), size=len(content), digest=digest
        )

        def work() -> Answer:
            answer = self._web.once(call)
            if b"<Error>" in answer.content:  # with status 200: it was sent before they knew
                raise Failed(f"{self._bucket} could not end an upload", reason="UploadTorn")
            return answer

        self._web.again(work, self._bucket.retries)

    def _abort(self, url: str) -> None:
        try:
            self._web.once(Call("DELETE", url, accepts=_GONE))
        except Transient:
            return  # buckets have rules that clear such away; what failed first is told

    def _demand_bucket(self) -> None:
        """A bucket that is not there is no bucket without a blob."""
        self._ask(Call("GET", self._bucket.url(query={"list-type": 2, "max-keys": 1})))

    def _url(self, name: str) -> str:
        if not is_name(name):
            raise missing(name, str(self._bucket))
        return self._bucket.url(name)

    def _ask(self, call: Call) -> Answer:
        return self._web.ask(call, retries=self._bucket.retries)

    def _sign(self, call: Call) -> Mapping[str, str]:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        request = Request(call.method, call.url, call.headers, call.digest or EMPTY, moment)
        return sign(request, self._keys)


def _field(text: str, name: str) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
    return unescape(found[1], {"&quot;": '"', "&apos;": "'"}) if found else ""
