"""What can be done about a Process, and which change calls for what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from ...core.model import Apply, Change, Due, Observed, Resource, Verb
from ...core.schedule import next_fire
from .fields import Signal
from .spec import ProcessSpec
from .state import Program, keeping


class WriteRecord(NamedTuple):
    """Say on disk what the next start executes."""

    name: str
    program: Program
    revision: str


class Keep(NamedTuple):
    """Say how it is kept; nothing is started or stopped by that."""

    name: str
    program: Program


class Start(NamedTuple):
    """Have it run, or for a ``cron``: wait for its time."""

    name: str
    program: Program
    cause: str = "spec"
    detail: str = ""


class Replace(NamedTuple):
    """End what runs and start it anew, as the record says."""

    name: str
    program: Program
    cause: str = "spec"
    detail: str = ""


class Reload(NamedTuple):
    """Tell it to read its files again."""

    name: str
    signal: Signal


class Run(NamedTuple):
    """One run of a ``cron`` whose time has come."""

    name: str
    at: float
    concurrency: str


class Stop(NamedTuple):
    name: str


class Remove(NamedTuple):
    """End it, and forget it in supervisord and on disk."""

    name: str


ProcessAction: TypeAlias = WriteRecord | Keep | Start | Replace | Reload | Run | Stop | Remove

_TRANSIENT: Final = frozenset({"started", "epoch"})
"""Fields whose change alone does not change what is on disk."""
_DETAIL: Final = 200
_NOTHING: Final = Program()


def steps(change: Change[Program]) -> tuple[ProcessAction, ...]:
    """The actions of ``change``, in order. Killed after any of them, the next plan converges."""
    if change.after is None:
        return (Stop(change.ref.name), Remove(change.ref.name))
    return tuple(_put(change, change.before or _NOTHING, change.after))


def _put(change: Change[Program], before: Program, after: Program) -> Iterator[ProcessAction]:
    name = change.ref.name
    new = change.verb is Verb.CREATE
    again = not new and change.apply in {Apply.RESTART, Apply.RECREATE}
    recreate = not new and change.apply is Apply.RECREATE
    if before.started and after.reload_signal and change.apply is Apply.RELOAD:
        # First the signal: killed before the record says that it was sent, it is sent again.
        yield Reload(name, after.reload_signal)
    if new or again or any(field.path not in _TRANSIENT for field in change.fields):
        yield WriteRecord(name, after, change.revision)
    if before.started and (recreate or not after.started):
        yield Stop(name)
    as_told = new or recreate or not before.installed
    if as_told or keeping(name, before) != keeping(name, after):
        yield Keep(name, after)
    if after.started and (recreate or not before.started):
        yield Start(name, after, *_why(change))
    elif after.started and again:
        yield Replace(name, after, *_why(change))


def _why(change: Change[Program]) -> tuple[str, str]:
    """The cause of a start, and its detail: names of fields, never what is in them."""
    if change.request is not None:
        return change.request.cause, change.request.detail
    fields = (field.path for field in change.fields if field.path not in {"installed", "started"})
    return change.cause.value, ", ".join(fields)[:_DETAIL] if change.before is not None else ""


def is_timed(resource: Resource[ProcessSpec]) -> bool:
    """Whether time brings it anything."""
    return resource.spec.type == "cron"


def reloads(resource: Resource[ProcessSpec]) -> Reload | None:
    """What makes it read its files again; None when the spec names no signal."""
    reload = resource.spec.reload
    return None if reload is None else Reload(resource.ref.name, reload.signal)


def due(resource: Resource[ProcessSpec], seen: Observed[Program], now: float) -> Due:
    """The run of a ``cron`` whose time has come: once, however many were missed."""
    spec, last = resource.spec, seen.vitals.get("cron")
    if spec.schedule is None or not last or not seen.state.started:
        return Due()
    if spec.run_on_start and not last["ranOnStart"]:
        return Due((Run(resource.ref.name, now, spec.concurrency),))
    time = next_fire(spec.schedule, spec.timezone, last["at"])
    if time > now:
        return Due(after=time - now)
    return Due((Run(resource.ref.name, time, spec.concurrency),))
