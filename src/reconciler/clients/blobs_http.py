"""HTTP for stores of blobs: tries again what is worth it, and tells nobody else who we are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from urllib.parse import urljoin, urlsplit

from ..core.errors import Transient
from .git_errors import redact
from .http_library import load
from .offload import Abandoned

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_WORDS: Final = 64 << 10
_LARGEST: Final = 32 << 20
"""Bytes of the largest answer that is read as one."""
_PATIENCE: Final = 120.0
"""The longest a server may ask us to wait: then the next interval is soon enough."""
_HOPS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AGENT: Final = {"User-Agent": "reconciler-backup", "Accept-Encoding": "identity"}
_HARMLESS: Final = frozenset({"accept", "range"})  # all that a stranger is told


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``body`` is made anew for each try; ``digest`` names it where it is signed."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[], Iterator[bytes]] | None = None
    size: int = 0
    digest: str = ""
    accepts: frozenset[int] = frozenset({200})


class Answer(NamedTuple):
    """What came back, whole. Names of ``headers`` are in small letters."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Failed(Transient):
    """A request that did not go well."""

    def after(self, attempt: int) -> float | None:
        """Seconds after which it may; None when asking again is useless."""
        return float(min(2**attempt, 30))


class Refused(Failed):
    """The server answered, and the answer is no."""

    def __init__(self, message: str, *, reason: str, answer: Answer) -> None:
        super().__init__(message, reason=reason)
        self.answer = answer

    def after(self, attempt: int) -> float | None:
        status, headers, _ = self.answer
        told = _told(headers)
        if told is not None and status in {403, 429, 503}:
            return told if told <= _PATIENCE else None
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return super().after(attempt)
        return None


class Web:
    """One service. Only its own hosts get what ``sign`` makes of a call."""

    def __init__(
        self,
        sign: Callable[[Call], Mapping[str, str]],
        hosts: frozenset[str],
        secrets: tuple[str, ...],
        stop: threading.Event,
    ) -> None:
        module = load()
        self._sign = sign
        self._hosts = hosts
        self._secrets = secrets
        self.stop = stop
        self._errors = module.HTTPError, module.InvalidURL, module.StreamError
        limits = module.Timeout(60.0, connect=20.0)
        self._client: httpx.Client = module.Client(timeout=limits, headers=_AGENT)

    def close(self) -> None:
        self._client.close()

    def once(self, call: Call) -> Answer:
        """One try. Raises Failed when there is no answer, or none that ``call`` accepts."""
        with self._open(call) as response:
            return self._whole(call, response)

    def ask(self, call: Call, *, retries: int) -> Answer:
        """The answer; who is busy is asked again."""
        return self.again(lambda: self.once(call), retries)

    def again(self, work: Callable[[], T], retries: int) -> T:
        """Do something until it goes well, as often as is allowed and as is of use."""
        for attempt in range(retries + 1):
            try:
                return work()
            except Failed as exc:
                after = exc.after(attempt)
                if attempt == retries or after is None:
                    raise
            self.rest(after)
        raise AssertionError("a loop that always returns or raises")

    def stream(self, call: Call) -> Generator[bytes, None, None]:
        """The content of a good answer, as it comes. Skips what a ranged request got too much."""
        with self._open(call) as response:
            skip = _start(call) if response.status_code == HTTPStatus.OK else 0
            for part in self._parts(call, response):
                yield part[skip:]
                skip = max(0, skip - len(part))

    def rest(self, seconds: float) -> None:
        """Wait, unless nobody waits for us any more."""
        if self.stop.wait(seconds):
            raise Abandoned

    @contextmanager
    def _open(self, call: Call) -> Iterator[httpx.Response]:
        """A good answer whose content is still to come."""
        response = self._follow(call)
        try:
            if response.status_code not in call.accepts:
                raise self._refusal(call, self._whole(call, response))
            yield response
        finally:
            response.close()

    def _follow(self, call: Call) -> httpx.Response:
        """Send a request and, if it only reads, go where the answer points to."""
        url = call.url
        for _ in range(_HOPS + 1):
            response = self._send(call, url)
            target = response.headers.get("location", "")
            if response.status_code not in _REDIRECTS or call.method != "GET" or not target:
                return response
            response.close()
            url = _next(url, target)
        raise Transient(f"{plain(call.url)} sends us in circles", reason="StoreRefused")

    def _send(self, call: Call, url: str) -> httpx.Response:
        if origin(url) in self._hosts:
            headers = {**call.headers, **self._sign(call)}
        else:
            headers = {k: v for k, v in call.headers.items() if k.lower() in _HARMLESS}
        if call.body or call.method in {"POST", "PUT"}:
            headers["Content-Length"] = str(call.size)
        body = call.body() if call.body else None
        try:
            request = self._client.build_request(call.method, url, headers=headers, content=body)
            return self._client.send(request, stream=True)
        except self._errors as exc:
            raise self._gone(call, exc) from exc

    def _whole(self, call: Call, response: httpx.Response) -> Answer:
        content = bytearray()
        most = _LARGEST if response.status_code in call.accepts else _WORDS
        for part in self._parts(call, response):
            content += part
            if len(content) > most:
                break
        return Answer(response.status_code, response.headers, bytes(content[:most]))

    def _parts(self, call: Call, response: httpx.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_raw()
        except self._errors as exc:
            raise self._gone(call, exc) from exc

    def _gone(self, call: Call, exc: Exception) -> Failed:
        why = redact(str(exc) or type(exc).__name__, self._secrets)[:200]
        return Failed(f"{call.method} {plain(call.url)}: {why}", reason="StoreUnreachable")

    def _refusal(self, call: Call, answer: Answer) -> Refused:
        said = " ".join(answer.content[:600].decode("utf-8", "replace").split())
        text = redact(f"{call.method} {plain(call.url)}: {answer.status} {said}", self._secrets)
        return Refused(text[:500], reason=_reason(answer), answer=answer)


def origin(url: str) -> str:
    """Scheme, host and port of a URL: whom one talks to there."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def plain(url: str) -> str:
    """A URL for people to read: what stands behind the path may let others in."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _next(url: str, target: str) -> str:
    found = urljoin(url, target)
    if urlsplit(found).scheme not in {"https", urlsplit(url).scheme}:
        raise Transient(f"{plain(url)} sends us to {plain(found)}", reason="StoreRefused")
    return found


def _start(call: Call) -> int:
    wanted = call.headers.get("Range", "")
    return int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0


def _told(headers: Mapping[str, str]) -> float | None:
    """How long the server asks us to wait."""
    after, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    if after.isdigit():
        return float(after)
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(1.0, int(reset) - time.time())
    return None


def _reason(answer: Answer) -> str:
    if answer.status in {401, 403}:
        return "RateLimited" if _told(answer.headers) is not None else "StoreForbidden"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return "RateLimited"
    if answer.status == HTTPStatus.NOT_FOUND:
        return "StoreNotFound"
    return "StoreUnreachable" if answer.status >= 500 else "StoreRefused"  # noqa: PLR2004 (unwell)
