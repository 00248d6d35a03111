"""Takes what lies at a path into the local git folder before a person has it replaced."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from ...clients.git_objects import EMPTY_TREE, ObjectStore
from ...clients.git_remote import UPSTREAM
from ...clients.offload import offload
from .cache import FileCache, drop_cache
from .finding import SAFETY, safety_names
from .job import Job
from .look import Look
from .scan import Copy
from .sight import Sight

KEPT: Final = 20
"""So many snapshots of a target stay, the newest."""


async def take_safety(job: Job) -> str | None:
    """What the snapshot is called; None when there was nothing to take. It is never pushed."""
    sight = Sight.of(job.place, job.state)
    path = job.folder.scratch() / f"{job.name}.safety.db"
    # Whole files, also large ones: the cache of the backups knows some as pointers.
    with FileCache(path, [job.name]) as cache, ObjectStore(job.folder.path) as objects:
        scan = await job.look(Look(job.place, sight, None, cache).run, cache, objects)
        if scan.entry is None or scan.entry == EMPTY_TREE:
            return None
        await offload(lambda _: scan.store(objects))
        parent = await job.history.ref(job.saved) or await job.history.ref(UPSTREAM)
        commit = await job.commit(parent, scan.copy, [parent] if parent else [], objects)
    drop_cache(path)
    return await _name(job, commit, scan.copy)


async def _name(job: Job, commit: str, copy: Copy) -> str:
    """What it is called: the same as the last one where nothing was changed since."""
    known = await safety_names(job)
    last = next(reversed(known), None)
    if last is not None and await job.copy(known[last]) == copy:
        return last
    name = stamp = f"{SAFETY}{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    number = 1
    while name in known:  # the second that is taken in one second is no reason to lose the first
        number += 1
        name = f"{stamp}-{number:02}"
    await job.history.move(commit, _ref(job, name))
    known[name] = commit
    if len(known) > KEPT:
        copies = {one: await job.copy(found) for one, found in known.items()}
        old = _by_worth(copies)[: len(known) - KEPT]
        await job.history.move(None, *(_ref(job, one) for one in old))
    return name


def _by_worth(copies: Mapping[str, Copy]) -> list[str]:
    """Which goes first: what a newer one holds as well, and then the oldest."""
    names = list(copies)
    again = [
        name for at, name in enumerate(names) if copies[name] in map(copies.get, names[at + 1 :])
    ]
    return [*again, *(name for name in names if name not in again)]


def _ref(job: Job, name: str) -> str:
    return f"refs/reconciler/kept/{job.name}/safety-{name.removeprefix(SAFETY)}"
