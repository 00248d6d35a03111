"""Finds the version that a person means: by its id, by a moment, or a safety snapshot."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, NamedTuple

from ...clients.git_log import Log
from ...clients.git_objects import EMPTY_TREE, Entry
from ...clients.git_remote import UPSTREAM
from ...clients.git_transfer import Moved
from ...core.errors import ReconcileError, Terminal, Transient
from .job import Job
from .large.found import entry_of
from .moments import parse_moment

SAFETY: Final = "safety/"
DEPTHS: Final = (100, 10_000, 2_147_483_647)
"""So many commits of the past are fetched, the next when the one before was not enough."""
MOST: Final = 100_000
_id: Final = re.compile(r"[0-9a-f]{4,40}")


class Version(NamedTuple):
    """One version of a target, and what the remote has now; None when it cannot be reached."""

    commit: str
    entry: Entry
    tip: str | None


async def find_version(job: Job, at: str) -> Version:
    """``at`` is empty for the newest the remote has. Raises Terminal when there is none such."""
    if at.startswith(SAFETY):
        return await _version(job, await _safety(job, at), None)
    tip = await _tip(job, needed=not at)
    if not at:
        return await _version(job, str(tip), tip)
    moment = parse_moment(at, datetime.now().astimezone())
    if not _id.fullmatch(at) and moment is None:
        text = "write a commit, a time such as 2026-11-20 or 2 days ago, or safety/…"
        raise Terminal(f"{at} is no version; {text}", reason="NotFound")
    for depth in (0, *DEPTHS) if tip is not None else (0,):
        if depth:
            await _deepen(job, str(tip), depth)
        commit = await _known(job, at) or await _before(job, moment)
        if commit is not None:
            return await _version(job, commit, tip)
    asked = f"from {at} or before" if moment is not None else at
    text, name = f"there is no version {asked} of {job.name}", job.name
    raise Terminal(f"{text}; `reconciler sync log {name} --fetch` lists them", reason="NotFound")


async def _tip(job: Job, *, needed: bool) -> str | None:
    """What the remote has now; while it is away, what was taken here can be restored."""
    try:
        tip = await job.fetched_tip()
    except ReconcileError:
        if needed:
            raise
        return None
    if tip is None and needed:
        raise Terminal(f"{job.settings.url} is empty", reason="NotFound")
    return tip


async def safety_names(job: Job) -> dict[str, str]:
    """The safety snapshots by what they are called, the oldest first."""
    top = f"refs/reconciler/kept/{job.name}/safety-"
    found = await job.history.refs(f"refs/reconciler/kept/{job.name}")
    named = {ref.removeprefix(top): commit for ref, commit in found.items() if ref.startswith(top)}
    return {f"{SAFETY}{name}": commit for name, commit in sorted(named.items())}


async def _safety(job: Job, at: str) -> str:
    known = await safety_names(job)
    if at == f"{SAFETY}last" and known:
        return [*known.values()][-1]
    if at not in known:
        there = f"there are {', '.join(known)}" if known else "there is none"
        raise Terminal(f"there is no {at} of {job.name}; {there}", reason="NotFound")
    return known[at]


async def _version(job: Job, commit: str, tip: str | None) -> Version:
    entry = await entry_of(job, job.history, commit)
    if entry is None or entry == EMPTY_TREE:
        raise Terminal(f"version {commit[:8]} holds nothing of {job.name}", reason="NotFound")
    return Version(commit, entry, tip)


async def _known(job: Job, at: str) -> str | None:
    if not _id.fullmatch(at):
        return None
    try:
        return await Log(job.folder).commit(at)
    except Terminal:
        return None


async def _before(job: Job, moment: float | None) -> str | None:
    """The newest version that was there at a moment, of those that are here."""
    if moment is None:
        return None
    tips = [await job.history.ref(name) for name in (job.saved, UPSTREAM)]
    refs = list(dict.fromkeys(filter(None, tips)))
    found = await Log(job.folder).versions(refs, job.place.inside, MOST)
    older = [one for one in found if one.time <= moment]
    return max(older, key=lambda one: one.time).commit if older else None


async def _deepen(job: Job, tip: str, depth: int) -> None:
    try:
        await job.remote.fetch(tip, depth=depth)
    except Moved as exc:
        raise Transient(f"{job.settings.url} changes just now", reason="RemoteMoving") from exc
