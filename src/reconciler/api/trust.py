"""Who asks, and what they may know: strangers get a bare status of health and nothing else."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from .access import Access, Caller, is_forged, owner
from .answered import Answered, as_get
from .credentials import Scope as Right
from .peers import Client, Peer, is_foreign, is_loopback, name_in, peer_of
from .problems import BY_PASSWORD, Problem, told
from .sizes import Measured, too_long
from .throttle import network_of, retry
from .trace import begin, note

PEER: Final = "reconciler.peer"
CALLER: Final = "reconciler.caller"

ROOT: Final = "/admin/api/v1"
SESSION: Final = "/admin/api/"
"""Where a browser sends the cookie of a session: programs behind the gateway never see it."""
LOGIN: Final = f"{ROOT}/login"
HOOK: Final = f"{ROOT}/hook"
"""Pages that see for themselves who asks."""
METRICS: Final = "/metrics"
HEALTH_PATHS: Final = frozenset({"/livez", "/readyz", "/health", "/healthz"})
HEALTH_BELOW: Final = "/health/"
"""Below it each resource has a page of its own."""
LOOPBACK: Final = "localhost, 127.0.0.1 or [::1]"
PASSWORD: Final = "X-Admin-Password"  # noqa: S105 (the name of a header)
READ_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Door:
    """The one way in: decides who asks, and whether they may, before any page is looked for."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answered = Answered(send, begin(Headers(scope=scope)).request, scope["method"])
        scope = as_get(scope)
        try:
            page = self.refusal(scope) or await self._by_password(scope) or self.app
            await page(scope, Measured(receive, scope["path"]), answered)
        except asyncio.CancelledError:
            # Only the end of the operator cancels a request; its client still gets an answer.
            if answered.begun:
                raise
            await Problem(503, "the operator is stopping: ask again")(scope, receive, answered)
        if scope["method"] not in READ_METHODS:
            note(scope["method"], scope["path"], scope.get(CALLER), answered.status)

    def refusal(self, scope: Scope) -> Problem | None:
        """Why this request goes no further, or None; what is known of its sender stays with it."""
        headers = Headers(scope=scope)
        peer = scope[PEER] = peer_of(scope, headers)
        caller = scope[CALLER] = owner(headers) if peer.is_owner else self.access.caller(headers)
        if is_health(scope["path"]):
            return None
        if scope["path"] == METRICS and not caller:
            return _unasked(peer.client)
        return (
            self._misdirected(peer, headers)
            or too_long(scope["path"], headers)
            or self._too_often(peer, caller)
            or self._unentitled(scope, caller)
        )

    def _misdirected(self, peer: Peer, headers: Headers) -> Problem | None:
        host, hosts = headers.get("host", ""), self.access.hosts
        # From another machine any name may be right, unless somebody said which ones are.
        unsaid = not hosts and peer.client is not Client.MISDIRECTED
        if peer.is_owner or unsaid or name_in(host) in hosts or is_loopback(host):
            return None
        if hosts:
            said = f"a name in RECONCILER_API_HOSTS, or on this stack's own machine for {LOOPBACK}"
            return Problem(421, f"ask for {said}: other names are refused")
        return Problem(421, f"ask for {LOOPBACK}, or put this name into RECONCILER_API_HOSTS")

    def _too_often(self, peer: Peer, caller: Caller | None) -> Problem | None:
        if peer.is_owner:
            return None
        who = f"{caller.how} {caller.name}" if caller else network_of(peer.address)
        wait = self.access.rates.wait(who, self.access.clock())
        return Problem(429, "too many requests", headers=retry(wait)) if wait else None

    async def _by_password(self, scope: Scope) -> Problem | None:
        said = password_of(scope)
        if scope[CALLER] or not said:
            return None
        try:
            right = await self.access.knock(scope[PEER].address, said)
        except HTTPException as exc:
            return told(scope["path"], exc.status_code, exc.detail, headers=exc.headers)
        if right is None:
            return told(scope["path"], 403, "this is not the password")
        scope[CALLER] = Caller("admin", Right.ADMIN, "password")
        return None

    def _unentitled(self, scope: Scope, caller: Caller | None) -> Problem | None:
        writes = scope["method"] not in READ_METHODS
        if writes and is_foreign(scope):
            return Problem(403, "this request comes from a page of another site")
        if scope["path"] in {LOGIN, HOOK}:
            return None
        if caller is None and password_of(scope):
            return None  # it is looked at next: that takes a while
        if caller is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="reconciler"'}
            return told(scope["path"], 401, f"send {_proof(scope)}", headers=challenge)
        # Whatever else a page demands: nothing is changed with less than this.
        if writes and not caller.scope.allows(Right.OPERATE):
            return told(scope["path"], 403, f"this token may {caller.scope}, and no more")
        if writes and is_forged(caller, scope):
            return Problem(403, "the X-CSRF-Token of this session is missing or wrong")
        return None


def is_health(path: str) -> bool:
    """Whether this is a page about health: of the whole, or ``/health/KIND/NAME``."""
    kind, parted, name = path.removeprefix(HEALTH_BELOW).partition("/")
    of_one = path.startswith(HEALTH_BELOW) and kind and parted and name and "/" not in name
    return path in HEALTH_PATHS or bool(of_one)


def password_of(scope: Scope) -> str:
    """The password that a client of the original sends with each request, to its paths alone."""
    return Headers(scope=scope).get(PASSWORD, "") if scope["path"] in BY_PASSWORD else ""


def _proof(scope: Scope) -> str:
    """What lets one in here: to other pages than the API's own no browser brings a session."""
    if scope["path"].startswith(SESSION):
        return "a token, or log in"
    return f"a token, or the password as {PASSWORD}" if scope["path"] in BY_PASSWORD else "a token"


def _unasked(client: Client) -> Problem | None:
    """What of the numbers may be seen without a token: all on this machine, nothing elsewhere."""
    match client:
        case Client.STRANGER:
            return Problem(404, "Not Found")
        case Client.MISDIRECTED:
            return Problem(421, f"without a token ask for {LOOPBACK}")
    return None
