"""What can be done about a SyncTarget, and which change or hour calls for what."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from ...core.model import Change, Due, Observed, Resource
from ...core.schedule import next_fire
from .spec import SyncTargetSpec
from .state import SyncTargetState

AGAIN: Final = 300.0
"""Seconds after which a drill that the remote did not answer is tried again."""
RETRY: Final = 30.0
"""Seconds after which a backup that failed is tried again, however rare they are."""


class Track(NamedTuple):
    """Write down what is kept where."""

    name: str
    state: SyncTargetState


class Untrack(NamedTuple):
    """Keep it no longer; neither the files nor the remote change."""

    name: str


class Stage(NamedTuple):
    """Bring the backup beside the path and check it, unless what lies there is newer than it."""

    name: str


class Restore(NamedTuple):
    """Put in place what is staged; what differs there is put aside."""

    name: str


class Verify(NamedTuple):
    """Restore a share of what the remote has into a scratch folder, and look through it.

    ``by_hand``: somebody waits for it, so a remote that is away is a failure at once.
    """

    name: str
    share: float
    by_hand: bool = False


class Backup(NamedTuple):
    """Take what differs from the last backup, and push it.

    ``last``: there is no later; whether the path is quiet does not matter.
    """

    name: str
    last: bool = False


class Push(NamedTuple):
    """Bring to the remote what was taken already; nothing is read anew."""

    name: str


class Pull(NamedTuple):
    """Bring here what others changed on the remote; what was changed here stays."""

    name: str


class RestoreAt(NamedTuple):
    """Restore a version that a person named, here or into another folder, all of it or some paths.

    ``revision`` is a commit, a moment or a safety snapshot; empty for the newest.
    """

    name: str
    revision: str = ""
    to: str = ""
    paths: tuple[str, ...] = ()


class Accept(NamedTuple):
    """What lies there is the truth from now on, restored or not."""

    name: str


SyncTargetAction: TypeAlias = (
    Track | Untrack | Stage | Restore | RestoreAt | Accept | Backup | Push | Pull | Verify
)


def steps(change: Change[SyncTargetState]) -> tuple[SyncTargetAction, ...]:
    name, before, after = change.ref.name, change.before, change.after
    if after is None:
        return (Untrack(name),)
    seen = before.model_copy(update={"restored": True, "staged": True}) if before else None
    track = (Track(name, after),) if seen != after else ()
    if not _restores(before, after):
        return track
    ready = before is not None and before.staged and not before.restored
    return (*track, Restore(name) if ready and not _is_elsewhere(before, after) else Stage(name))


def disturbs(change: Change[SyncTargetState]) -> bool:
    """A restore replaces files: it waits until nobody has them open."""
    return any(isinstance(step, Restore) for step in steps(change))


def due(resource: Resource[SyncTargetSpec], seen: Observed[SyncTargetState], now: float) -> Due:
    """A backup once per interval, but never of what was not restored: that is not the truth yet.

    And a drill, when its hour has come.
    """
    if seen.vitals.get("disabled"):
        return Due()
    work = (_due_backup(resource, seen, now), _due_drill(resource, seen, now))
    times = [one.after for one in work if one.after is not None]
    actions = tuple(action for one in work for action in one.actions)
    return Due(actions, after=min(times, default=None))


def _due_backup(
    resource: Resource[SyncTargetSpec], seen: Observed[SyncTargetState], now: float
) -> Due:
    interval = seen.vitals.get("interval")
    if not seen.state.restored or interval is None:
        return Due()
    if seen.vitals.get("error"):
        interval = min(interval, RETRY)
    attempt = seen.vitals.get("attempt")
    if attempt is None or not attempt <= now < attempt + interval:
        return Due((Backup(resource.ref.name),), after=interval)
    return Due(after=attempt + interval - now)


def _due_drill(
    resource: Resource[SyncTargetSpec], seen: Observed[SyncTargetState], now: float
) -> Due:
    """One drill for all the hours that were missed. The clock may have been set back since."""
    plan, drill = resource.spec.verify, seen.vitals.get("drill") or {}
    since, tried = drill.get("since"), drill.get("tried") or 0.0
    if plan is None or since is None or not seen.vitals.get("backed"):
        return Due()
    at = next_fire(plan.schedule, plan.timezone, min(since, now))
    if tried <= now < tried + AGAIN:
        at = max(at, tried + AGAIN)
    if at > now:
        return Due(after=at - now)
    return Due((Verify(resource.ref.name, plan.share),))


def parting(
    resource: Resource[SyncTargetSpec], seen: Observed[SyncTargetState]
) -> tuple[SyncTargetAction, ...]:
    """What is pending is pushed before the stack goes."""
    kept = seen.state.restored and not seen.vitals.get("disabled")
    return (Backup(resource.ref.name, last=True),) if kept else ()


def _is_elsewhere(before: SyncTargetState | None, after: SyncTargetState) -> bool:
    if before is None:
        return True
    return (before.repository, before.path) != (after.repository, after.path)


def _restores(before: SyncTargetState | None, after: SyncTargetState) -> bool:
    elsewhere = _is_elsewhere(before, after)
    if after.on_start == "skip":  # only what a person ordered
        return before is not None and not before.restored and not elsewhere
    return elsewhere or before is None or not before.restored or before.on_start == "skip"
