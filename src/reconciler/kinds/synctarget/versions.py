"""The past of a target: its versions, and what each holds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from ...clients.git_log import Log, Version
from ...clients.git_remote import UPSTREAM, Moved
from ...core.errors import Transient
from ...core.model import Json
from .job import Job

_OURS: Final = re.compile(r"^back up \S+ from (\S+)$")
SHORT: Final = 8


async def versions(job: Job, limit: int) -> list[dict[str, Json]]:
    """What is known here, newest first: versions of ours, and the newest of the remote."""
    tips = [await job.history.ref(name) for name in (job.saved, UPSTREAM)]
    saved, upstream = tips
    log = Log(job.folder)
    found = await log.versions(list(dict.fromkeys(filter(None, tips))), job.place.inside, limit)
    waiting = await log.below(saved, upstream) if saved and saved != upstream else set()
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


async def files(job: Job, limit: int, at: str) -> dict[str, Json]:
    """What a version holds, the newest one unless said."""
    log = Log(job.folder)
    newest = await job.history.ref(job.saved) or await job.history.ref(UPSTREAM)
    commit = await log.commit(at) if at else newest
    if commit is None:
        return {"commit": None, "files": [], "total": 0}
    found = await log.files(commit, job.place.inside)
    named = [{"path": _shown(one.path), "size": one.size} for one in found[:limit]]
    return {"commit": commit, "files": named, "total": len(found)}


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
