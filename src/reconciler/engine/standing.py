"""How a revision stands in the world: what speaks against it, and what it has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from ..core.model import Change, Ref, Verb
from ..core.revision import Facts, Terms, Trouble
from ..core.status import Condition, ConditionStatus
from ..core.windows import Window
from ..kinds.stack import StackSpec
from .ledger import PATIENT, Ledger

PAUSING: Final = frozenset({"MassDelete", "OutsideWindow"})
"""Reasons of a gate that only a person or a calendar lifts: meanwhile no deadline runs."""
ACCEPTED: Final = frozenset({"DriftKept", "Suspended"})
"""Reasons that somebody has written: the revision is as they want it."""
SPECS: Final = "Specs"
STACK: Final = "Stack"

Digests = Mapping[Ref, str]


def terms_of(ledger: Ledger) -> Terms:
    """What the specs in use say about revisions."""
    spec = stack_of(ledger)
    if spec is None:
        return Terms()
    revert = spec.auto_revert
    settle = revert.min_healthy_time if revert.enabled else 0.0
    return Terms(revert.enabled, revert.deadline, settle)


def windows_of(ledger: Ledger) -> tuple[Window, ...]:
    """When new revisions may become current, by the specs in use."""
    spec = stack_of(ledger)
    return tuple(
        Window(one.allow is not None, one.allow or one.deny or "", one.duration, one.timezone)
        for one in (spec.windows if spec is not None else ())
    )


def stack_of(ledger: Ledger) -> StackSpec | None:
    """What is written about the whole; None where nothing is."""
    if STACK not in ledger.wanted_kinds:
        return None
    return next((one.spec for ref, one in ledger.desired.items() if ref.kind == STACK), None)


def facts_of(ledger: Ledger, revision: str, changed: Collection[Ref]) -> Facts | None:
    """What the last look says of a revision; None when it says nothing."""
    plan, snapshot = ledger.plan, ledger.snapshot
    if plan is None or snapshot is None or plan.unknown:
        return None
    if plan.revision != revision or snapshot.revision != revision:
        return None
    blocked = {one.ref: one.reason for one in plan.blocked}
    bad = [
        (ref, ready)
        for ref in ledger.present
        if (ready := _unready(ledger, ref)) and blocked.get(ref) not in ACCEPTED
    ]
    leaving = [change for change in (*plan.changes, *plan.held) if change.verb is Verb.DELETE]
    leaving = [change for change in leaving if change.ref not in ledger.rolled.gone]
    near = affected(ledger, changed) if bad else frozenset()
    troubles = [_trouble(ref, ready, blocked.get(ref, ""), near=ref in near) for ref, ready in bad]
    own = [one for one in troubles if one.affected or not _is_elsewhere(ledger, one.ref)]
    own += [_remains(change) for change in leaving]
    own += [Trouble(SPECS, "Broken", str(one), affected=True) for one in snapshot.problems[:1]]
    paused = not PAUSING.isdisjoint(blocked.values())
    return Facts(ledger.observed_at, tuple(own), paused)


def differences(before: Digests, after: Digests) -> dict[Ref, str]:
    """What was created, updated and deleted from one revision to the next."""
    found = {ref: "updated" for ref, one in after.items() if before.get(ref, one) != one}
    found |= dict.fromkeys(after.keys() - before.keys(), "created")
    found |= dict.fromkeys(before.keys() - after.keys(), "deleted")
    return dict(sorted(found.items()))


def affected(ledger: Ledger, changed: Collection[Ref]) -> frozenset[Ref]:
    """What was changed, and all that stands on it."""
    found: set[Ref] = set()
    left = [ref for ref in changed if ref in ledger.desired]
    pointing: dict[Ref, list[Ref]] = {}
    for ref, targets in ledger.shape.targets.items():
        for target in targets:
            pointing.setdefault(target.ref, []).append(ref)
    while left:
        ref = left.pop()
        if ref in found or ref not in ledger.desired:
            continue
        found.add(ref)
        name = ledger.desired[ref].written_as
        left += [*ledger.shape.users.get(name, ()), *pointing.get(name, ())]
    return frozenset(found)


def outcomes(ledger: Ledger, changed: Mapping[Ref, str], began: float) -> Iterator[dict[str, Any]]:
    """What became of each resource that was changed, or is not well."""
    bad = {ref for ref in ledger.present if _unready(ledger, ref)}
    for ref in sorted({*changed, *bad}):
        ready = ledger.conditions.get(ref, {}).get("Ready")
        took = None
        if ready is not None and ready.status is ConditionStatus.TRUE:
            took = round(max(0.0, ready.since.timestamp() - began), 3)
        gone = ref not in ledger.desired
        yield {
            "ref": str(ref),
            "what": changed.get(ref, ""),
            "ready": took is not None or (gone and ledger.live(ref) is None),
            "reason": "" if ready is None else ready.reason,
            "message": "" if ready is None else ready.message,
            "seconds": took,
        }


def counted(changed: Iterable[str]) -> str:
    """The same in words: ``1 created, 2 updated``."""
    every = [*changed]
    words = ("created", "updated", "deleted")
    return ", ".join(f"{every.count(one)} {one}" for one in words if one in every) or "no resource"


def _unready(ledger: Ledger, ref: Ref) -> Condition | None:
    ready = ledger.conditions.get(ref, {}).get("Ready")
    if ledger.desired[ref].suspend or ready is None or ready.status is ConditionStatus.TRUE:
        return None
    return ready


def _trouble(ref: Ref, ready: Condition, why: str, *, near: bool) -> Trouble:
    return Trouble(str(ref), ready.reason, ready.message, near, why in PATIENT)


def _remains(change: Change[Any]) -> Trouble:
    return Trouble(str(change.ref), "NotDeleted", "it is still there", affected=True)


def _is_elsewhere(ledger: Ledger, ref: str) -> bool:
    return ledger.kinds[ref.partition("/")[0]].elsewhere
