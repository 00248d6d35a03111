"""Why not? A gate looks at one change and lets it pass or says what blocks it.

Gates only hold back; none may add or alter a change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from .kind import Kinds
from .model import (
    Blocked,
    Cause,
    Change,
    Drift,
    Need,
    Ref,
    Resource,
    Unknown,
    Verb,
    World,
)
from .order import Members, needs

AnyChange: TypeAlias = Change[Any]
AnyResource: TypeAlias = Resource[Any]

GUARDED_FROM: Final = 3


class Held(NamedTuple):
    """A ref that waits after a failure: why, and for how many more seconds (None: until edited)."""

    reason: str
    message: str
    after: float | None


@dataclass(frozen=True, slots=True)
class Context:
    """All a gate may look at."""

    kinds: Kinds
    desired: Mapping[Ref, AnyResource]
    world: World
    members: Members = field(default_factory=dict)
    users: Mapping[Ref, tuple[Ref, ...]] = field(default_factory=dict)
    """Who needs each written ref."""
    held: Mapping[Ref, Held] = field(default_factory=dict)
    cycles: Mapping[Ref, str] = field(default_factory=dict)
    prune: bool = True
    guard: str = ""
    """Why deletions wait for a confirmation; empty when they need none."""


Gate: TypeAlias = Callable[[AnyChange, Context], Blocked | None]


def suspended(change: AnyChange, ctx: Context) -> Blocked | None:
    want = ctx.desired.get(change.ref)
    if want is not None and want.suspend:
        return Blocked(change.ref, "Suspended", "the spec says suspend")
    return None


def foreign(change: AnyChange, ctx: Context) -> Blocked | None:
    seen = ctx.world[change.ref.kind]
    live = None if isinstance(seen, Unknown) else seen.get(change.ref.name)
    if live is not None and not live.owned:
        return Blocked(change.ref, "NotOwned", "it exists and was not made by this operator")
    return None


def drift(change: AnyChange, ctx: Context) -> Blocked | None:
    want = ctx.desired.get(change.ref)
    if want is None or want.drift is Drift.CORRECT or change.cause is not Cause.DRIFT:
        return None
    return Blocked(change.ref, "DriftKept", f"metadata.drift is {want.drift.value}")


def pruning(change: AnyChange, ctx: Context) -> Blocked | None:
    if change.verb is Verb.DELETE and not ctx.prune:
        return Blocked(change.ref, "PruneOff", "nothing is deleted while a spec file is broken")
    return None


def guarded(change: AnyChange, ctx: Context) -> Blocked | None:
    if change.verb is Verb.DELETE and ctx.guard:
        return Blocked(change.ref, "MassDelete", ctx.guard)
    return None


def cycle(change: AnyChange, ctx: Context) -> Blocked | None:
    named = ctx.cycles.get(change.ref)
    return None if named is None else Blocked(change.ref, "DependencyCycle", named)


def dependency(change: AnyChange, ctx: Context) -> Blocked | None:
    """Only what brings something to life waits; the rest stays possible while a need is sick."""
    want = ctx.desired.get(change.ref)
    if want is None or not ctx.kinds[change.ref.kind].starts(change):
        return None
    whys = (_unmet(need, ctx) for need in needs(ctx.kinds, want))
    why = next((why for why in whys if why), None)
    return None if why is None else Blocked(change.ref, "DependencyNotReady", why)


def occupied(change: AnyChange, ctx: Context) -> Blocked | None:
    """A restore waits until what writes under its path has stopped."""
    if not ctx.kinds[change.ref.kind].disturbs(change):
        return None
    want = ctx.desired.get(change.ref)
    users = ctx.users.get(want.written_as if want else change.ref, ())
    live = [str(ref) for ref in users if is_live(ref, ctx.world)]
    return Blocked(change.ref, "InUse", f"waits until {', '.join(live)} stopped") if live else None


def backoff(change: AnyChange, ctx: Context) -> Blocked | None:
    held = ctx.held.get(change.ref)
    return None if held is None else Blocked(change.ref, held.reason, held.message, held.after)


GATES: Final[tuple[Gate, ...]] = (
    suspended,
    foreign,
    drift,
    pruning,
    guarded,
    cycle,
    dependency,
    occupied,
    backoff,
)


def why_not(change: AnyChange, ctx: Context) -> Blocked | None:
    """The first gate that holds ``change`` back."""
    return next((why for gate in GATES if (why := gate(change, ctx))), None)


def mass_delete(changes: tuple[AnyChange, ...], ctx: Context) -> str:
    """Why so many deletions at once need a confirmation; empty when they do not."""
    deletions = sum(change.verb is Verb.DELETE for change in changes)
    net = deletions - sum(change.verb is Verb.CREATE for change in changes)
    owned = sum(
        live.owned
        for seen in ctx.world.values()
        if not isinstance(seen, Unknown)
        for live in seen.values()
    )
    if deletions and not ctx.desired:
        return f"the specs are empty: deleting all {deletions} needs a confirmation"
    if net >= GUARDED_FROM and 2 * net > owned:
        return f"deleting {net} of {owned} at once needs a confirmation"
    return ""


def is_live(ref: Ref, world: World) -> bool:
    """Whether ``ref`` is there and started."""
    seen = world.get(ref.kind)
    live = None if seen is None or isinstance(seen, Unknown) else seen.get(ref.name)
    return live is not None and live.owned and getattr(live.state, "started", True)


def _unmet(need: Need, ctx: Context) -> str:
    refs = ctx.members.get(need.ref, ())
    if not refs:
        return f"{need.ref} is not in the specs"
    seen = ctx.world.get(need.ref.kind)
    if seen is None or isinstance(seen, Unknown):
        return f"cannot see {need.ref}"
    kind = ctx.kinds[need.ref.kind]
    for ref in refs:
        live = seen.get(ref.name)
        if live is None or not kind.meets(live, need.condition):
            return f"waits for {ref} ({need.condition})"
    return ""
