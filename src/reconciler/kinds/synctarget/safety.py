"""Takes what lies at a path into the local git folder before a person has it replaced."""

from __future__ import annotations

import time
from typing import Final

from ...clients.git_objects import EMPTY_TREE, ObjectStore
from ...clients.git_remote import UPSTREAM
from ...clients.offload import offload
from .cache import FileCache, drop_cache
from .finding import SAFETY, safety_names
from .job import Job
from .look import Look
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
    stamp, top = time.strftime("%Y%m%d-%H%M%S", time.gmtime()), f"refs/reconciler/kept/{job.name}"
    await job.history.move(commit, f"{top}/safety-{stamp}")
    old = [name.removeprefix(SAFETY) for name in await safety_names(job)][:-KEPT]
    if old:
        await job.history.move(None, *(f"{top}/safety-{name}" for name in old))
    return f"{SAFETY}{stamp}"
