"""The past of a target: its versions, and what each holds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from ...clients.git_log import File, Log, Version
from ...clients.git_remote import UPSTREAM
from ...clients.git_transfer import Moved
from ...core.errors import Transient
from ...core.model import Json
from .job import Job
from .large.found import list_version
from .large.pointer import Pointer

_OURS: Final = re.compile(r"^back up \S+ from (\S+)$")
SHORT: Final = 8


async def versions(job: Job, limit: int) -> list[dict[str, Json]]:
    """What is known here, newest first: versions of ours, and the newest of the remote."""
    tips = [await job.history.ref(name) for name in (job.saved, UPSTREAM)]
    saved, upstream = tips
    log = Log(job.folder)
    found = await log.versions(list(dict.fromkeys(filter(None, tips))), job.place.inside, limit)
    # What is in a clash was pushed beside the branch; and a short history hides what it stands on.
    there = [one for one in (upstream, await job.history.ref(job.pushed)) if one]
    waiting = await log.below(saved, *there) if saved and saved not in there else set()
    found.sort(key=lambda one: -one.time)
    return [_view(one, pushed=one.commit not in waiting) for one in found]


async def deepen(job: Job, limit: int) -> None:
    """Bring so many commits of the remote's past here."""
    tip = await job.remote.tip()
    try:
        if tip is not None:
            await job.remote.fetch(tip, depth=limit)
    except Moved as exc:
        raise Transient(f"{job.settings.url} changes just now", reason="RemoteMoving") from exc


async def files(job: Job, limit: int, at: str, *, large_only: bool = False) -> dict[str, Json]:
    """What a version holds, the newest one unless said; or only the large files of it."""
    log = Log(job.folder)
    newest = await job.history.ref(job.saved) or await job.history.ref(UPSTREAM)
    commit = await log.commit(at) if at else newest
    if commit is None:
        return {"commit": None, "files": [], "total": 0}
    found = await log.files(commit, job.place.inside)
    large = await _large(job, commit)
    named = [_file(one, large.get(one.path)) for one in found]
    wanted = [one for one in named if one["large"] is not None] if large_only else named
    return {"commit": commit, "files": wanted[:limit], "total": len(wanted)}


async def _large(job: Job, commit: str) -> dict[str, Pointer]:
    """The pointers of a version, by their paths in the repository."""
    marked = await job.history.entry(commit, job.marks)
    if marked is None:
        return {}
    tree = await job.history.entry(commit, job.place.inside)
    if tree is None:
        return {}
    found = await list_version(job, job.history, commit, tree)
    top = f"{job.place.inside}/" if job.place.is_folder else f"{job.place.inside.parent}/"
    return {f"{top}{path}".removeprefix("./"): one for path, one in found.pointers.items()}


def _file(file: File, pointer: Pointer | None) -> dict[str, Json]:
    """A file, with its own size though git has but a pointer to it."""
    large = None if pointer is None else {"sha256": pointer.sha256, "asset": pointer.name}
    size = file.size if pointer is None else pointer.size
    return {"path": _shown(file.path), "size": size, "large": large}


def _view(version: Version, *, pushed: bool) -> dict[str, Json]:
    ours = _OURS.match(version.message)
    return {
        "commit": version.commit,
        "short": version.commit[:SHORT],
        "time": datetime.fromtimestamp(version.time, UTC).isoformat(timespec="seconds"),
        "host": ours[1] if ours else "",
        "author": _shown(version.author),
        "message": _shown(version.message),
        "pushed": pushed,
        "files": version.files,
    }


def _shown(text: str) -> str:
    """Bytes that are no text cannot be told as JSON."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
