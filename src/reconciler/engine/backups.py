"""What surfaces ask of backups: orders, how each target is, its versions and their files."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..core.errors import ReconcileError, Terminal
from ..core.model import Json, Ref
from ..core.ordered import PATIENT, Keeps, Order, Progress, Tells
from .asking import shortened
from .journal import Event
from .look import Stack
from .operator import Operator
from .plan_view import View, timestamp
from .views import resource_view

log = logging.getLogger(__name__)

TARGET: Final = "SyncTarget"
REPOSITORY: Final = "Repository"


@dataclass(slots=True)
class Backups:
    """The backups of the stack of one operator."""

    operator: Operator

    @property
    def stack(self) -> Stack:
        return self.operator.stack

    def targets(self, names: Collection[str] = ()) -> list[Ref]:
        """The targets of these names, or all that are not suspended.

        Raises Terminal when there is none of a name.
        """
        known = self._known()
        if missing := [name for name in names if Ref(TARGET, name) not in known]:
            raise Terminal(f"there is no {TARGET}/{missing[0]}", reason="NotFound")
        if names:
            return [ref for ref in known if ref.name in names]
        return [ref for ref in known if not self.stack.ledger.desired[ref].suspend]

    def back_up_all(self) -> None:
        """Back up everything now, as a signal asks."""
        try:
            self.order(self.targets(), "backup", author="SIGUSR1")
        except ReconcileError as exc:
            log.warning("asked for a backup by a signal: %s", exc)

    def order(
        self,
        refs: Sequence[Ref],
        verb: str,
        arguments: Mapping[str, Json] | None = None,
        *,
        author: str = "somebody",
        reason: str = "",
    ) -> list[View]:
        """Have something done once with each, soon; of all or of none.

        Raises Terminal when it cannot be ordered of one of them.
        """
        self.operator.reading.demand()
        if not refs:
            self._demand_known(verb)
        now, said = self.stack.clock.now(), shortened(reason)
        for ref in refs:
            self._demand_possible(ref, verb, arguments or {})
        until = now + PATIENT
        made = self.stack.orders.add_all(
            Order("", ref, verb, arguments or {}, author, said, now, until) for ref in refs
        )
        told = f"by {author}: {said}" if said else f"by {author}"
        events = [Event(one.ref, "Normal", "Ordered", f"a {verb} {told}", author) for one in made]
        self.stack.ledger.journal.record_events(events, now)
        self.stack.ledger.journal.commit()
        for lane in self.operator.lanes:
            lane.retries.release(refs)
        self.stack.ledger.renew_patience(refs)
        self.operator.wake(complete=True)
        return [self._view(one) for one in made]

    def orders(self, limit: int = 100) -> list[View]:
        """What was ordered, newest first."""
        return [self._view(one) for one in self.stack.orders.recent(limit)]

    async def ordered(self, id: str, *, seconds: float = 0.0) -> View | None:  # noqa: A002 (its name)
        """One order, once it has ended or so many seconds have gone; None when there is none."""
        orders = self.stack.orders
        order = await orders.wait(id, seconds) if seconds else orders.get(id)
        return None if order is None else self._view(order)

    def status(self) -> list[View]:
        """How each target is."""
        return [self._target(ref) for ref in self._known()]

    def repositories(self) -> list[View]:
        """Where things are kept."""
        self.operator.reading.demand()
        ledger, found = self.stack.ledger, []
        for ref, want in sorted(ledger.desired.items()):
            if ref.kind == REPOSITORY:
                live, spec = ledger.live(ref), want.spec
                vitals = live.vitals if live is not None else {}
                facts = {"name": ref.name, "url": spec.url, "branch": spec.branch}
                seen = {"path": vitals.get("path"), "tip": vitals.get("tip")}
                found.append({**facts, "base": spec.base, **seen})
        return found

    async def log(self, name: str, limit: int, *, fetch: bool = False) -> list[View]:
        """The versions of a target, newest first."""
        return await self._keeper(name).log(name, limit, fetch=fetch)

    async def files(self, name: str, limit: int, at: str = "", *, large: bool = False) -> View:
        """What a version of a target holds; or only the large files of it."""
        return await self._keeper(name).files(name, limit, at, large=large)

    def _known(self) -> list[Ref]:
        self.operator.reading.demand()
        return sorted(ref for ref in self.stack.ledger.desired if ref.kind == TARGET)

    def _keeper(self, name: str) -> Keeps:
        [ref] = self.targets([name])
        driver = self.stack.drivers[ref.kind]
        if not isinstance(driver, Keeps):
            raise Terminal(f"of {ref} no versions are kept", reason="NotSupported")
        return driver

    def _demand_known(self, verb: str) -> None:
        """Raises though there is nothing yet that it could be ordered of."""
        known = self.stack.kinds[TARGET].obeys if TARGET in self.stack.kinds else {}
        if verb not in known:
            text = f"a {verb} cannot be ordered of a {TARGET}: {', '.join(sorted(known))} can"
            raise Terminal(text, reason="NotSupported")

    def _demand_possible(self, ref: Ref, verb: str, arguments: Mapping[str, Json]) -> None:
        want = self.stack.ledger.desired.get(ref)
        if want is None:
            raise Terminal(f"there is no {ref}", reason="NotFound")
        known = self.stack.kinds[ref.kind].obeys
        if verb not in known:
            text = f"a {verb} cannot be ordered of a {ref.kind}"
            raise Terminal(text, reason="NotSupported")
        if want.suspend:
            text = f"{ref} is suspended: take metadata.suspend out at {want.origin} first"
            raise Terminal(text, reason="Refused")
        try:
            known[verb].actions(want, arguments)
        except ValueError as exc:
            raise Terminal(f"{verb} {ref}: {exc}", reason="Invalid") from exc

    def _view(self, order: Order) -> View:
        ended, begun = order.ended, self.stack.orders.is_begun(order)
        state = "running" if begun else "pending"
        if ended is not None:
            state = "done" if ended.ok else "failed"
        return {
            "id": order.id,
            "ref": str(order.ref),
            "verb": order.verb,
            "arguments": dict(order.arguments),
            "author": order.author,
            "reason": order.reason,
            "at": timestamp(order.at),
            "until": timestamp(order.until),
            "state": state,
            "waits": self._waits(order.ref) if state == "pending" else None,
            "progress": self._progress(order.ref) if begun else None,
            "outcome": None
            if ended is None
            else {
                "ok": ended.ok,
                "at": timestamp(ended.at),
                "reason": ended.reason,
                "message": ended.message,
                "did": dict(ended.did),
            },
        }

    def _waits(self, ref: Ref) -> View | None:
        """What an order waits for that is not the next pass."""
        ledger = self.stack.ledger
        for one in ledger.plan.blocked if ledger.plan is not None else ():
            if one.ref == ref:
                return {"reason": one.reason, "message": one.message}
        health, live = ledger.health(ref), ledger.live(ref)
        if live is None or not getattr(live.state, "restored", True):
            return {"reason": health.reason, "message": health.message}
        return None

    def _progress(self, ref: Ref) -> View | None:
        driver = self.stack.drivers[ref.kind]
        found: Progress | None = driver.progress(ref.name) if isinstance(driver, Tells) else None
        return None if found is None else dict(found._asdict())

    def _target(self, ref: Ref) -> View:
        ledger = self.stack.ledger
        want, view = ledger.desired[ref], resource_view(ledger, ref)
        vitals: Mapping[str, Any] = view["vitals"]
        live = ledger.live(Ref(REPOSITORY, want.spec.repository))
        kept = live.vitals if live is not None else {}
        return {
            "name": ref.name,
            "ref": str(ref),
            "path": want.spec.path,
            "excludes": [one.rstrip("/") for one in want.spec.excludes],
            "repository": want.spec.repository,
            "url": vitals.get("remote"),
            "origin": view["origin"],
            "suspend": want.suspend,
            "restored": bool(live is not None and vitals.get("meets")),
            "health": view["health"],
            "backed": timestamp(vitals.get("backed") or 0.0),
            "pushed": timestamp(vitals.get("pushed") or 0.0),
            "verified": timestamp((vitals.get("drill") or {}).get("verified") or 0.0),
            "files": vitals.get("files"),
            "bytes": vitals.get("bytes"),
            "unpushed": vitals.get("unpushed") or 0,
            "remoteAhead": bool(vitals.get("remoteAhead")),
            "conflict": vitals.get("conflict"),
            "skipped": vitals.get("skipped") or [],
            "error": vitals.get("error"),
            "largeFiles": _large(want.spec),
            "lease": kept.get("lease"),
            "leaseHolder": kept.get("leaseHolder"),
            "leaseHost": kept.get("leaseHost"),
            "progress": self._progress(ref),
        }


def _large(spec: Any) -> View | None:
    """From which size on files go to a store, where they do."""
    large = getattr(spec, "large_files", None)
    return None if large is None else {"threshold": large.threshold, "store": large.store}
