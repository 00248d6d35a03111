"""Who waits after a failure, and until when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.backoff import Backoff
from ..core.errors import ReconcileError, Terminal, Waiting
from ..core.gates import Held
from ..core.model import Change, Ref, Resource
from .reconcile import Outcome

BACKOFF: Final = Backoff()
CALM: Final = 10.0
"""Seconds without a change after which a ref's failures are forgotten."""


@dataclass(slots=True)
class _Memory:
    """What is remembered of one ref. Times are monotonic seconds."""

    attempts: int = 0
    until: float | None = 0.0
    digest: str = ""
    reason: str = ""
    message: str = ""
    fingerprint: str = ""
    last: float = 0.0


@dataclass(slots=True)
class Retries:
    """Backoff per ref: after errors, and after a change that was applied and came back.

    A ref that drifts the same way right after it was mended (a program that crashes at once, a
    field something else rewrites) is a failure too, whatever the driver said.
    """

    _refs: dict[Ref, _Memory] = field(default_factory=dict)

    def held(self, desired: Mapping[Ref, Resource[Any]], now: float) -> dict[Ref, Held]:
        """The refs that wait now; an edited spec waits for nothing."""
        found = {}
        for ref, memory in self._refs.items():
            if _digest(desired, ref) != memory.digest:
                continue
            if memory.until is None:
                found[ref] = Held(memory.reason, memory.message, None)
            elif memory.until > now:
                found[ref] = Held(memory.reason, memory.message, memory.until - now)
        return found

    def learn(self, outcome: Outcome, desired: Mapping[Ref, Resource[Any]], now: float) -> None:
        """Take in what a pass did."""
        changes = {change.ref: change for change in outcome.plan.changes}
        for ref in outcome.applied:
            if ref in changes:
                self._mended(ref, changes[ref], _digest(desired, ref), now)
            else:
                self._refs.pop(ref, None)
        for ref, error in outcome.failures.items():
            self._failed(ref, error, _digest(desired, ref), now)
        self._forget_calm(set(changes) | {one.ref for one in outcome.plan.held}, now)

    def release(self, refs: Iterable[Ref] | None = None) -> None:
        """Hold these back no longer, as a person asked; all of them unless some are named."""
        for ref in list(self._refs if refs is None else refs):
            self._refs.pop(ref, None)

    def stalled(self, ref: Ref) -> bool:
        """Whether nothing but an edit will help."""
        memory = self._refs.get(ref)
        return memory is not None and memory.until is None

    def _failed(self, ref: Ref, error: ReconcileError, digest: str, now: float) -> None:
        if isinstance(error, Waiting):
            return
        memory = self._memory(ref, digest)
        memory.attempts += 1
        memory.last = now
        memory.reason, memory.message = error.reason, str(error)
        memory.until = None if isinstance(error, Terminal) else now + BACKOFF.delay(memory.attempts)

    def _mended(self, ref: Ref, change: Change[Any], digest: str, now: float) -> None:
        memory = self._memory(ref, digest)
        fingerprint = _fingerprint(change)
        if fingerprint == memory.fingerprint and now - memory.last < CALM + BACKOFF.delay(
            memory.attempts
        ):
            memory.attempts += 1
            memory.reason = "Backoff"
            memory.message = f"the same change came back {memory.attempts} times in a row"
            memory.until = now + BACKOFF.delay(memory.attempts)
        else:
            memory.attempts, memory.until = 0, 0.0
        memory.fingerprint, memory.last = fingerprint, now

    def _memory(self, ref: Ref, digest: str) -> _Memory:
        memory = self._refs.get(ref)
        if memory is None or memory.digest != digest:
            memory = self._refs[ref] = _Memory(digest=digest)
        return memory

    def _forget_calm(self, changing: set[Ref], now: float) -> None:
        for ref, memory in list(self._refs.items()):
            resting = memory.until is not None and now - max(memory.until, memory.last) > CALM
            if ref not in changing and resting:
                del self._refs[ref]


def _digest(desired: Mapping[Ref, Resource[Any]], ref: Ref) -> str:
    return desired[ref].digest if ref in desired else ""


def _fingerprint(change: Change[Any]) -> str:
    """In a few bytes: hundreds are remembered while they are started."""
    text = json.dumps([change.verb, [field[:3] for field in change.fields]], default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
