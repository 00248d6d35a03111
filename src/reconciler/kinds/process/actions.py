"""What can be done about a Process, and which change calls for what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from ...core.model import Apply, Change, Verb
from .state import Program, stamp


class WriteRecord(NamedTuple):
    """Say on disk what the next start executes."""

    name: str
    program: Program
    revision: str


class WriteProgram(NamedTuple):
    """Say in supervisord's file how it is kept."""

    name: str
    stamp: str


class Load(NamedTuple):
    """Make supervisord know the program as its file says."""

    name: str


class Start(NamedTuple):
    name: str
    working_dir: str


class Stop(NamedTuple):
    name: str


class Unload(NamedTuple):
    """Make supervisord forget a stopped program."""

    name: str


class Remove(NamedTuple):
    """Forget it on disk."""

    name: str


ProcessAction: TypeAlias = WriteRecord | WriteProgram | Load | Start | Stop | Unload | Remove


def steps(change: Change[Program]) -> tuple[ProcessAction, ...]:
    """The actions of ``change``, in order. Killed after any of them, the next plan converges."""
    name = change.ref.name
    if change.after is None:
        return (Stop(name), Unload(name), Remove(name))
    return tuple(_put(change, change.before or Program(), change.after))


def _put(change: Change[Program], before: Program, after: Program) -> Iterator[ProcessAction]:
    name = change.ref.name
    again = change.verb is Verb.UPDATE and change.apply is not Apply.LIVE
    recreate = change.verb is Verb.CREATE or change.apply is Apply.RECREATE
    # A stopped program is loaded anew when in doubt; a live one only to change how it is kept.
    load = recreate or (not before.installed and not before.started)
    if again or load or not before.installed:
        yield WriteRecord(name, after, change.revision)
    if again or (before.started and not after.started):
        yield Stop(name)
    if recreate and change.before is not None:
        # supervisord must never know a program otherwise than the file says it does.
        yield Unload(name)
    if load or not before.installed:
        yield WriteProgram(name, stamp(after))
    if load:
        yield Load(name)
    if after.started and (again or load or not before.started):
        yield Start(name, after.working_dir)
