"""Why not? A gate looks at one change and lets it pass or says what blocks it.

Gates only hold back; none may add or alter a change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from .kind import Kinds
from .model import (
    Apply,
    Blocked,
    Cause,
    Change,
    Drift,
    Need,
    Observed,
    Ref,
    Resource,
    Unknown,
    Verb,
    World,
)
from .order import Shape
from .units import format_duration

AnyChange: TypeAlias = Change[Any]
AnyResource: TypeAlias = Resource[Any]

GUARDED_FROM: Final = 3
WAITS: Final = "DependencyNotReady"
TIMED_OUT: Final = "DependencyTimeout"


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
    shape: Shape = field(default_factory=Shape)
    waited: Mapping[Ref, float] = field(default_factory=dict)
    """For how many seconds a ref waits for what it needs."""
    now: float = 0.0
    leaving: Mapping[Ref, tuple[Ref, ...]] = field(default_factory=dict)
    """Who is to be deleted before a ref is, for it uses that."""
    held: Mapping[Ref, Held] = field(default_factory=dict)
    cycles: Mapping[Ref, str] = field(default_factory=dict)
    """What goes round in circles, in words."""
    waits: Mapping[Ref, Blocked] = field(default_factory=dict)
    """Those that wait in the course of a replacement."""
    turned: frozenset[Ref] = frozenset()
    """Those that may go because another one has their place."""
    prune: bool = True
    unproven: Mapping[str, str] = field(default_factory=dict)
    """Kinds whose own tests fail, and how."""
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
    if change.verb is Verb.DELETE and not ctx.prune and change.ref not in ctx.turned:
        return Blocked(change.ref, "PruneOff", "nothing is deleted while a spec file is broken")
    return None


def unproven(change: AnyChange, ctx: Context) -> Blocked | None:
    """While a test in the specs fails, what it is about stays as it is, all of its kind."""
    kind = change.ref.kind
    why = ctx.unproven.get(kind)
    return None if why is None else Blocked(change.ref, f"{kind}TestsFailed", why)


def guarded(change: AnyChange, ctx: Context) -> Blocked | None:
    if change.verb is Verb.DELETE and ctx.guard and change.ref not in ctx.turned:
        return Blocked(change.ref, "MassDelete", ctx.guard)
    return None


def cycle(change: AnyChange, ctx: Context) -> Blocked | None:
    named = ctx.cycles.get(change.ref)
    return None if named is None else Blocked(change.ref, "DependencyCycle", named)


def dependency(change: AnyChange, ctx: Context) -> Blocked | None:
    """Only what brings something to life waits; the rest stays possible while a need is sick.

    One whose patience ends starts without it, or is stuck until it is met after all, as it says.
    """
    if change.ref not in ctx.desired or not ctx.kinds[change.ref.kind].starts(change):
        return None
    waited = ctx.waited.get(change.ref, 0.0)
    for need in ctx.shape.needs.get(change.ref, ()):
        why = _unmet(need, ctx)
        if not why:
            continue
        if need.timeout is None or waited < need.timeout:
            return Blocked(change.ref, WAITS, why, _left(need, waited, ctx))
        if not need.start_anyway:
            text = f"{why}, in vain for {format_duration(need.timeout)}"
            return Blocked(change.ref, TIMED_OUT, text)
    return None


def occupied(change: AnyChange, ctx: Context) -> Blocked | None:
    """A restore waits until what writes under its path has stopped."""
    if not ctx.kinds[change.ref.kind].disturbs(change):
        return None
    want = ctx.desired.get(change.ref)
    users = ctx.shape.users.get(want.written_as if want else change.ref, ())
    users += ctx.shape.writers.get(change.ref, ())
    live = sorted({str(ref) for ref in users if is_live(ref, ctx.world)})
    return Blocked(change.ref, "InUse", f"waits until {', '.join(live)} stopped") if live else None


def needed(change: AnyChange, ctx: Context) -> Blocked | None:
    """What others need goes after them: a deletion waits until its users have ended."""
    if change.verb is not Verb.DELETE:
        return None
    live = [str(ref) for ref in ctx.leaving.get(change.ref, ()) if is_live(ref, ctx.world)]
    return Blocked(change.ref, "InUse", f"waits until {', '.join(live)} ended") if live else None


def rolling(change: AnyChange, ctx: Context) -> Blocked | None:
    """One that is replaced goes, and one it is replaced by begins anew, when nothing is lost."""
    ends = change.verb is Verb.DELETE or change.apply in {Apply.RESTART, Apply.RECREATE}
    want = ctx.desired.get(change.ref)
    if not ends or (want is not None and want.kept is not None):
        return None
    return ctx.waits.get(change.ref)


def backoff(change: AnyChange, ctx: Context) -> Blocked | None:
    held = ctx.held.get(change.ref)
    return None if held is None else Blocked(change.ref, held.reason, held.message, held.after)


GATES: Final[tuple[Gate, ...]] = (
    suspended,
    foreign,
    drift,
    pruning,
    unproven,
    guarded,
    cycle,
    dependency,
    occupied,
    needed,
    rolling,
    backoff,
)


def why_not(change: AnyChange, ctx: Context) -> Blocked | None:
    """The first gate that holds ``change`` back."""
    return next((why for gate in GATES if (why := gate(change, ctx))), None)


def mass_delete(changes: tuple[AnyChange, ...], ctx: Context) -> str:
    """Why so many deletions at once need a confirmation; empty when they do not."""
    deletions = sum(c.verb is Verb.DELETE and c.ref not in ctx.turned for c in changes)
    if not deletions:
        return ""
    net = deletions - sum(change.verb is Verb.CREATE for change in changes)
    owned = sum(
        live.owned
        for seen in ctx.world.values()
        if not isinstance(seen, Unknown)
        for live in seen.values()
    )
    if not ctx.desired:
        return f"the specs are empty: deleting all {deletions} needs a confirmation"
    if net >= GUARDED_FROM and 2 * net > owned:
        return f"deleting {net} of {owned} at once needs a confirmation"
    return ""


def seen_of(ref: Ref, world: World) -> Observed[Any] | None:
    """What was seen of ``ref``; None too when it could not be seen."""
    seen = world.get(ref.kind)
    return None if seen is None or isinstance(seen, Unknown) else seen.get(ref.name)


def is_live(ref: Ref, world: World) -> bool:
    """Whether ``ref`` is there and started, or not yet gone after it was stopped."""
    live = seen_of(ref, world)
    if live is None or not live.owned:
        return False
    return bool(getattr(live.state, "started", True) or live.vitals.get("pid"))


def _left(need: Need, waited: float, ctx: Context) -> float | None:
    """In how many seconds it need not be waited for: the one's patience ends, or the other's."""
    live = seen_of(need.ref, ctx.world)
    at = None if live is None else live.vitals.get("letsGoAt")
    ends = (need.timeout and need.timeout - waited, at and max(0.0, at - ctx.now))
    return min((one for one in ends if one is not None), default=None)


def _unmet(need: Need, ctx: Context) -> str:
    refs = [ref for ref in ctx.shape.members.get(need.ref, ()) if ref in ctx.desired]
    if not refs:
        return f"no instance of {need.ref} is wanted"
    seen = ctx.world.get(need.ref.kind)
    if seen is None or isinstance(seen, Unknown):
        return f"cannot see {need.ref}"
    kind = ctx.kinds[need.ref.kind]
    for ref in refs:
        beside = ctx.desired[ref].beside
        either = (seen.get(one.name) for one in (ref, beside) if one is not None)
        if not any(live is not None and kind.meets(live, need.condition) for live in either):
            return f"waits for {ref} ({need.condition})"
    return ""
