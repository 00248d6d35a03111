"""Follows a repository elsewhere: what it holds becomes wanted once it is found good."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..clients.git_signed import Allowed
from ..clients.git_source import Where
from ..core.errors import ReconcileError, Terminal
from ..core.model import Json
from ..kinds.stack.source import Source
from ..specs.load import Snapshot
from ..specs.remote import Followed
from .found_out import read_note, write_note

log = logging.getLogger(__name__)

JITTER: Final = 0.1
BREATH: Final = 1.0
"""Between two looks at the remote there is at least so much time (seconds)."""
SOON: Final = 2.0
"""While nothing of the source was ever current, it is asked this often (seconds)."""
PROBLEMS: Final = 20
SHORTEST: Final = 7
"""Digits by which a commit may be named."""


@dataclass(slots=True)
class Sourcing:
    """Asks the source at its interval, and whenever somebody says that there is something new.

    ``try_out`` loads what a commit holds, without making it current.
    """

    followed: Followed
    root: Path
    note: Path
    try_out: Callable[[str], Snapshot]
    reread: Callable[[], Coroutine[Any, Any, bool]]
    moved: Callable[[], None] = lambda: None
    """The branch was seen at another commit."""
    _bell: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _facts: dict[str, Json] = field(default_factory=dict)
    _ended: float = 0.0
    """When the remote was looked at last."""

    def __post_init__(self) -> None:
        self._facts = read_note(self.note)

    @property
    def order(self) -> Source | None:
        return self.followed.order

    def poke(self) -> None:
        """There may be something new, or another source is named."""
        self._bell.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.look()
            except Exception:  # a fault of ours here must not end what runs
                log.exception("asking the source failed")
            try:
                async with asyncio.timeout(self._pause()):
                    await self._bell.wait()
                await asyncio.sleep(self._breath())
            except TimeoutError:
                pass
            self._bell.clear()

    def _breath(self) -> float:
        """Who calls after a while is heard at once, who calls all the time now and then."""
        return max(0.0, self._ended + BREATH - time.monotonic())

    async def look(self, *, accept: str = "") -> dict[str, Json]:
        """Ask now, take over what is new and good, and say how it stands.

        ``accept`` is a commit that may take over though history was rewritten.
        """
        async with self._turn:
            order = self.order
            if order is None:
                return {}
            try:
                news = await self._look(order, accept)
            except ReconcileError as exc:
                self._keep(order, ok=False, reason=exc.reason, message=str(exc))
                log.warning("the source: %s", exc)
                return self.view()
            finally:
                self._ended = time.monotonic()
        if news:
            await self.reread()
        return self.view()

    def view(self) -> dict[str, Json]:
        """What is known of the source; empty where none is followed."""
        return dict(self._facts) if self.order is not None else {}

    def secret(self) -> str | None:
        """What calls of the host are signed with; None where none are expected."""
        order = self.order
        hook = order.webhook if order is not None else None
        return hook.secret.reveal() if hook is not None and hook.secret.known else None

    async def _look(self, order: Source, accept: str) -> bool:
        folder = self.followed.opened(order)
        tip = await folder.fetch(self.where(order))
        current = await asyncio.to_thread(folder.current)
        if tip == current:
            self._keep(order, tip=tip, current=current)
            return False
        is_free = current is None or _is_allowed(tip, accept)
        since = None if is_free else current
        if not is_free and not await folder.follows(str(current), tip):
            held = {"from": current, "to": tip, "reason": "HistoryRewritten"}
            self._keep(order, tip=tip, current=current, held=held)
            return False
        problems = await self._judge(order, tip, since)
        if problems:
            self._keep(
                order, tip=tip, current=current, refused={"commit": tip, "problems": problems}
            )
            return False
        await asyncio.to_thread(folder.accept, tip)
        self._keep(order, tip=tip, current=tip)
        return True

    async def _judge(self, order: Source, tip: str, since: str | None) -> list[Json]:
        """What is wrong with a commit, and with those on the way to it; none is current yet."""
        folder = self.followed.opened(order)
        try:
            if (verify := order.verify) is not None:
                allowed = Allowed(verify.allowed_signers, verify.gpg_keys)
                await folder.verify(tip, allowed, since=since)
            await folder.demand_small(tip, order.path)
            snapshot = await asyncio.to_thread(self.try_out, tip)
        except ReconcileError as exc:
            if isinstance(exc, Terminal) or exc.reason == "TooLarge":
                return [_problem(str(exc))]
            raise
        # What variables stand for is none of the commit's business.
        problems = [one.to_json() for one in snapshot.problems if one.path.suffix]
        if problems:
            return problems[:PROBLEMS]
        found = (one for ref, one in snapshot.resources.items() if ref.kind != "Stack")
        if not any(one.origin.path.suffix for one in found):
            where = order.path or "the repository"
            return [_problem(f"{where} holds no specs at this commit")]
        return []

    def where(self, order: Source) -> Where:
        """Whom to ask for what, and who to say we are."""
        auth = order.auth
        url = order.at(str(self.root))
        if auth is None or not auth.password.known:
            return Where(url, order.ref)
        return Where(url, order.ref, auth.username, auth.password.reveal())

    def _keep(self, order: Source, *, ok: bool = True, **facts: Json) -> None:
        before, now = self._facts, time.time()
        # Who cannot ask knows what was found out last, and no more.
        names = () if ok else ("tip", "current", "refused", "held")
        kept: dict[str, Json] = {name: before[name] for name in names if name in before}
        self._facts = {
            "url": order.url,
            "ref": order.ref,
            "path": order.path,
            "ok": ok,
            "at": now,
            "reached": now if ok else before.get("reached"),
            **kept,
            **facts,
        }
        write_note(self.note, self._facts)
        if self._facts.get("tip") != before.get("tip"):
            self.moved()

    def _pause(self) -> float | None:
        order = self.order
        if order is None:
            return None
        if not self._facts.get("current"):
            return min(SOON, order.interval)
        return order.interval * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (no secret)


def _is_allowed(tip: str, accept: str) -> bool:
    """Whether a person has named this commit."""
    return len(accept) >= SHORTEST and tip.startswith(accept)


def _problem(text: str) -> Json:
    """What is wrong with a commit as a whole."""
    return {"path": "", "line": 0, "column": 0, "message": text}
