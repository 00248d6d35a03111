"""Who a request is from, and what that lets it do."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import pwd
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.types import Scope as Asked

from ..core.errors import ReconcileError
from ..settings import Settings
from .credentials import MARK, Credential, Credentials, Scope
from .password import Password
from .throttle import Logins, Rates, Turn, retry

log = logging.getLogger(__name__)

COOKIE: Final = "reconciler_session"
CSRF: Final = "X-CSRF-Token"
AUTHOR: Final = "X-Reconciler-Author"
"""Who typed the command, as the command line says over the owner's socket."""

LONGEST_NAME: Final = 64
BURST: Final = 5.0
"""Seconds' worth of requests that may come at once."""


class Caller(NamedTuple):
    """Somebody who may ask. ``how`` is ``socket``, ``token``, ``session`` or ``password``."""

    name: str
    scope: Scope
    how: str
    secret: str = ""

    def __repr__(self) -> str:
        return f"Caller({self.name}, {self.scope}, {self.how})"


@dataclass(slots=True)
class Access:
    """Everything that decides who may use the API of one stack."""

    credentials: Credentials
    password: Password
    hosts: frozenset[str] = frozenset()
    """Names the gateway is reached by; empty: any that is not forged for this machine."""
    logins: Logins = field(default_factory=Logins)
    rates: Rates = field(default_factory=Rates)
    now: Callable[[], float] = time.time
    turn: Turn = field(default_factory=Turn)
    clock: Callable[[], float] = time.monotonic
    """What throttles go by: a machine whose time is set back must not lock anybody out."""

    async def knock(self, address: str, said: str) -> str | None:
        """The digest of the hash that a password fits; None for a wrong one.

        Raises HTTPException for who guesses too often.
        """
        now = self.clock()
        if wait := self.logins.wait(address, now):
            raise HTTPException(429, "too many wrong passwords: wait", headers=retry(wait))
        if self.turn.is_crowded:  # who was not heard has not guessed either
            raise HTTPException(429, "too many log in at once", headers=retry(1))
        self.logins.begin(address, now)
        async with self.turn:
            found = await asyncio.to_thread(self.password.is_right, said)
        if found is None:
            return None
        self.logins.forgive(address)
        return found.digest

    def caller(self, headers: Headers) -> Caller | None:
        """Who proves to be somebody with these headers, None when nobody does."""
        try:
            if "authorization" in headers:
                return self._bearer(headers["authorization"])
            secret = session_of(headers)
            return self._session(secret) if secret else None
        except ReconcileError as exc:
            log.warning("nobody is let in: %s", exc)
            return None

    def _bearer(self, said: str) -> Caller | None:
        scheme, _, rest = said.partition(" ")
        # The original's clients send the bare token.
        secret = rest.strip() if scheme.lower() == "bearer" else said
        found = self.credentials.find(secret, self.now()) if secret.startswith(MARK) else None
        if found is None or found.is_session:
            return None
        return Caller(found.name, found.scope, "token")

    def _session(self, secret: str) -> Caller | None:
        found = self.credentials.find(secret, self.now())
        if found is None or not found.is_session:
            return None
        if found.password != self.password.current().digest:
            return None  # opened with a password that is none any more
        return Caller("admin", found.scope, "session", secret)


def open_access(settings: Settings) -> Access:
    """The access to one stack, with a password where there never was one."""
    password = Password(settings.durable, settings.environ)
    _prepare(password)
    return Access(
        Credentials(settings.durable / "admin.tokens"),
        password,
        hosts=settings.api_hosts,
        rates=Rates(rate=settings.api_rate, burst=settings.api_rate * BURST),
    )


def _prepare(password: Password) -> None:
    """Without a password nobody logs in; that is no reason to run nothing."""
    try:
        if note := password.ensure():
            log.info("the password of the API is in %s: read it, then delete the file", note)
        elif why := password.current().why:
            log.warning("nobody can log in: %s", why)
    except ReconcileError as exc:
        log.warning("nobody can log in: %s", exc)


def owner(headers: Headers) -> Caller:
    """Who opened the owner's socket: the name the command line gives, else this user's own."""
    said = "".join(c for c in headers.get(AUTHOR, "") if c.isprintable())[:LONGEST_NAME]
    return Caller(said or _user(), Scope.ADMIN, "socket")


def session_of(headers: Headers) -> str:
    """The secret in the session's cookie, empty when there is none."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE, "")


def csrf_of(secret: str) -> str:
    """What a page of ours must repeat in a header to change anything with its session."""
    return hashlib.sha256(f"csrf:{secret}".encode()).hexdigest()[:32]


def is_forged(caller: Caller, scope: Asked) -> bool:
    """Whether a session is used without the word that only our own pages know."""
    if caller.how != "session":
        return False
    said = Headers(scope=scope).get(CSRF, "")
    return not hmac.compare_digest(said.encode(), csrf_of(caller.secret).encode())


def new_session(name: str, password: str, now: float, *, lasts: float) -> Credential:
    """A session that is not kept yet, opened with the password of this digest."""
    return Credential(name, Scope.ADMIN, "", now, now + lasts, password)


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
