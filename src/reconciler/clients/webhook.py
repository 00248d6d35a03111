"""Posts small messages to servers that are named by a secret url."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import certifi

from ..core.errors import ReconcileError, Terminal, Transient
from .http_library import load

if TYPE_CHECKING:
    import httpx

PATIENCE: Final = 15.0
"""Seconds a whole exchange may take."""
_CONNECT: Final = 5.0
_MOST: Final = 16 << 10
_LATER: Final = frozenset({408, 425, 429})
_BAD: Final = 300


@dataclass(slots=True)
class Webhooks:
    """One client for all of them. Nothing is followed to another place, and no cookie is kept."""

    patience: float = PATIENCE
    _client: httpx.AsyncClient | None = None
    _errors: tuple[type[Exception], ...] = ()
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The beginning of a good answer.

        Raises Transient where another try may help, and Terminal where it will not; neither says
        more of the url than its host.
        """
        client = await self._opened()
        try:
            async with asyncio.timeout(self.patience):
                return await _exchange(client, url, body, headers)
        except TimeoutError as exc:
            text = f"{_host(url)} did not answer within {self.patience:g} s"
            raise Transient(text, reason="NoAnswer") from exc
        except ReconcileError:
            raise
        except self._errors as exc:
            # Their texts may hold the url.
            text = f"{_host(url)} cannot be reached: {type(exc).__name__}"
            raise Transient(text, reason="Unreachable") from None

    async def aclose(self) -> None:
        """End all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _opened(self) -> httpx.AsyncClient:
        async with self._turn:
            if self._client is None:
                # Loading the library and the certificates takes a while: not in the loop.
                module, make = await asyncio.to_thread(_prepare)
                self._errors = (module.HTTPError, module.InvalidURL, OSError, ValueError)
                self._client = make()
            return self._client


def _prepare() -> tuple[Any, Callable[[], httpx.AsyncClient]]:
    module = load()
    context = ssl.create_default_context(cafile=certifi.where())

    def make() -> httpx.AsyncClient:
        client: httpx.AsyncClient = module.AsyncClient(
            verify=context,
            timeout=module.Timeout(PATIENCE, connect=_CONNECT),
            limits=module.Limits(max_connections=20, max_keepalive_connections=0),
            headers={"User-Agent": "reconciler", "Accept-Encoding": "identity"},
            follow_redirects=False,
        )
        return client

    return module, make


async def _exchange(
    client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]
) -> bytes:
    told = {"Content-Type": "application/json; charset=utf-8", **headers}
    async with client.stream("POST", url, content=body, headers=told) as response:
        code, content = response.status_code, bytearray()
        async for part in response.aiter_raw():
            content += part
            if len(content) >= _MOST:
                break
    client.cookies.clear()
    if code < _BAD:
        return bytes(content[:_MOST])
    text = f"{_host(url)} answers {code} {_phrase(code)}".rstrip()
    if code in _LATER or code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Transient(text, reason="Busy")
    raise Terminal(text, reason="Refused")


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return ""


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the host"
