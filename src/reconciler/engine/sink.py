"""One webhook: what it is still to be told, one message after the other, until it takes them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from ..clients.git_errors import redact
from ..clients.webhook import Webhooks
from ..core.backoff import Backoff, Strategy
from ..core.errors import ReconcileError, Terminal
from ..core.model import Json
from ..core.notice import PACE, Notice, complaint, message
from ..kinds.stack.notification import Notification
from .clock import Clock
from .journal import KEPT, Journal
from .plan_view import timestamp
from .positions import Positions

log = logging.getLogger(__name__)

QUEUE: Final = 200
"""Of what could not be told for long, so much is told in the end: the newest."""
TRIES: Final = 5
"""So often a message is sent to who refuses it."""
PATIENCE: Final = Backoff(1.0, 300.0, Strategy.EXPONENTIAL_JITTER)
LAST: Final = 1.0
"""Seconds for a message under way when the operator stops: it is not to come twice."""
TELLING: Final = 8
"""A part of a url of so many marks may be a token."""
LONGEST: Final = 200


@dataclass(slots=True)
class Account:
    """What became of messages, for conditions and metrics."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Office:
    """What all sinks share."""

    journal: Journal
    positions: Positions
    webhooks: Webhooks
    clock: Clock
    changed: Callable[[], None]
    """Called when an account has changed."""
    flipped: Callable[[], None]
    """Called when one began or ceased to fail."""


@dataclass(slots=True)
class Sink:
    """Tells one of them, ``stack`` being the name of the whole."""

    stack: str
    order: Notification
    office: Office
    at: int
    account: Account
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """For ever."""
        while True:
            self.bell.clear()
            try:
                while notices := self._pending():
                    for notice in notices:
                        await self._tell(notice)
            except Exception:  # a fault of ours in telling must not end what runs
                log.exception("telling %s failed", self.order.name)
                await self.office.clock.sleep(PATIENCE.longest)
            await self.bell.wait()

    def view(self) -> Json:
        """Its account."""
        return asdict(self.account)

    def _pending(self) -> list[Notice]:
        """What is to be told now, oldest first."""
        journal = self.office.journal
        journal.commit()  # what was told of must not be unknown after a kill
        found: dict[str, Notice] = {}
        for row in journal.events_after(self.at, KEPT):
            notice = self._notice(row)
            if notice.is_wanted(self.order.when) and not self._knows(notice):
                found.setdefault(self._key(notice) or str(notice.id), notice)
            self.at = notice.id
        wanted = list(found.values())
        if (left_out := len(wanted) - QUEUE) > 0:
            self.account.dropped += left_out
            self.office.changed()
        return wanted[-QUEUE:]

    def _notice(self, row: tuple[Json, ...]) -> Notice:
        ident, time, *rest = row
        return Notice(ident, timestamp(time) or "", self.stack, *rest)

    def _key(self, notice: Notice) -> str:
        return notice.key if self.order.once_per == "revision" else ""

    def _knows(self, notice: Notice) -> bool:
        key = self._key(notice)
        return bool(key) and self.office.positions.knows(self.order.name, key)

    async def _tell(self, notice: Notice) -> None:
        """Send it until it is taken, or refused for good."""
        attempts, is_over = 0, False
        while not is_over:
            try:
                await self._send(notice)
                is_over = True
            except ReconcileError as exc:
                attempts += 1
                is_over = isinstance(exc, Terminal) and attempts >= TRIES
                self._failed(exc, is_over=is_over)
                if is_over:
                    self._done(notice)
                else:
                    await self.office.clock.sleep(PATIENCE.delay(attempts, jitter=random.random()))  # noqa: S311 (no secret)
        await self.office.clock.sleep(PACE.get(self.order.format, 0.0))

    async def _send(self, notice: Notice) -> None:
        sending = asyncio.ensure_future(self._post(notice))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait({sending}, timeout=LAST)
            if sending.done() and not sending.cancelled() and sending.exception() is None:
                self._sent(notice)
            sending.cancel()
            raise
        self._sent(notice)

    async def _post(self, notice: Notice) -> None:
        order, now = self.order, self.office.clock.now()
        url, secret = self._secrets()
        made = message(order.format, notice, secret, now)
        target = url + ("&" if urlsplit(url).query else "?") * bool(made.query) + made.query
        answer = await self.office.webhooks.post(target, made.body, made.headers)
        if why := complaint(order.format, answer):
            raise Terminal(why, reason="Refused")

    def _secrets(self) -> tuple[str, str]:
        url, secret = self.order.url, self.order.secret
        if not isinstance(url, str):
            if not url.known:
                raise Terminal("its url is not known", reason="Unknown")
            url = url.reveal()
        return url.partition("#")[0], secret.reveal() if secret is not None and secret.known else ""

    def _sent(self, notice: Notice) -> None:
        was_failing, self.account.error = bool(self.account.error), ""
        self.account.sent += 1
        self._done(notice)
        self.office.changed()
        if was_failing:
            log.info("notifications: %s takes messages again", self.order.name)
            self.office.flipped()

    def _failed(self, exc: ReconcileError, *, is_over: bool) -> None:
        is_news = not self.account.error
        self.account.error = self._shown(str(exc))
        self.account.failed += is_over
        self.office.changed()
        if is_news or is_over:
            log.warning("notifications: %s: %s", self.order.name, self.account.error)
            self.office.flipped()

    def _done(self, notice: Notice) -> None:
        self.office.positions.move(self.order.name, notice.id, self._key(notice))

    def _shown(self, text: str) -> str:
        """An error without anything of the url or the secret."""
        try:
            url, secret = self._secrets()
        except Terminal:
            url = secret = ""
        parts = urlsplit(url)
        words = [
            *parts.path.split("/"),
            *(one.rpartition("=")[2] for one in parts.query.split("&")),
        ]
        tokens = sorted((one for one in words if len(one) >= TELLING), key=len, reverse=True)
        hidden = tuple(one for one in (url, secret, *tokens) if one)
        return " ".join(redact(text, hidden).split())[:LONGEST]


def account_of(written: Any) -> Account:
    """What was counted before, as far as it makes sense."""
    known = written if isinstance(written, dict) else {}

    def count(name: str) -> int:
        return found if isinstance(found := known.get(name), int) else 0

    return Account(count("sent"), count("failed"), count("dropped"))
