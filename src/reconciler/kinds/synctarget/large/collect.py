"""Deletes blobs that nothing on the remote needs any more: the last step of a backup.

Only blobs that this target brought and let go are looked at, so what others put into the same
store stays. When it cannot be told what is needed, everything is.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Final

from ....clients.git_objects import FILE, TREE, Entry
from ....clients.git_reader import ObjectReader
from ....clients.git_trees import MOST, Trees
from ....clients.offload import offload
from ....core.errors import ReconcileError
from ..job import Job
from ..modes import OURS
from .marks import NONE, Marks, place_of_marks
from .pointer import SUFFIX
from .reading import read_marks, read_pointer
from .stores import Stores

log = logging.getLogger(__name__)

_REMEMBERED: Final = 500


async def collect(job: Job) -> None:
    """Delete what may go. What stays for a while longer is no failure of a backup."""
    try:
        await _collect(job)
    except ReconcileError as exc:
        log.warning("large files of %s that nobody needs stay for now: %s", job.name, exc)


async def _collect(job: Job) -> None:
    status = job.status
    entry = await job.history.entry(await job.history.ref(job.saved), job.marks)
    marked, uploads = entry.id if entry is not None else None, status.get("uploads") or ()
    if job.state.large is None or (not uploads and marked == status.get("collected")):
        return
    deleted = list(status.get("deleted") or ())
    loose = {*(await _read(job, entry)).dropped, *uploads}.difference(deleted)
    free = sorted(loose - await _needed(job)) if loose else []
    if free:
        await offload(lambda stop: _delete(job, free, stop))
    known = [*deleted, *free][-_REMEMBERED:]
    job.note(uploads=[], deleted=known, collected=marked)


def _delete(job: Job, names: list[str], stop: threading.Event) -> None:
    with Stores(job, stop) as stores:
        store = stores.own()
        for name in names:
            store.delete(name)
            log.info("deleted %s of %s: nothing on the remote needs it", name, job.name)


async def _read(job: Job, entry: Entry | None) -> Marks:
    def run() -> Marks:
        with job.history.reader() as reader:
            return read_marks(reader, entry)

    return await asyncio.to_thread(run) if entry is not None else NONE


async def _needed(job: Job) -> set[str]:
    """Every blob that the newest commit of any branch needs, there or here. Raises Transient."""
    heads = await job.remote.heads()
    for branch, commit in heads.items():
        if not await job.history.has(commit):
            await job.remote.fetch_other(branch)
    refs = await job.history.refs("refs/reconciler")

    def run() -> set[str]:
        with job.history.reader() as reader:
            trees = Trees(reader, most=MOST)
            found = {name for commit in heads.values() for name in _named(reader, trees, commit)}
            for ref, commit in refs.items():
                found.update(_copied(reader, trees, ref, commit))
            return found

    return await asyncio.to_thread(run)


def _named(reader: ObjectReader, trees: Trees, commit: str) -> Iterator[str]:
    top = trees.of(commit)
    folder = trees.at(top, f"{OURS}/large")
    if folder is not None and folder.mode == TREE:
        for entry in trees.children(folder.id).values():
            yield from read_marks(reader, entry).needed()
    for path, other in trees.walk(top):  # what the pointers of earlier tools name
        pointer = None
        if other.mode == FILE and path.endswith(SUFFIX):
            pointer = read_pointer(reader, other)
        if pointer is not None:
            yield pointer.name


def _copied(reader: ObjectReader, trees: Trees, ref: str, commit: str) -> Iterator[str]:
    """What a copy needs that was taken here, of its own target: refs/reconciler/saved/TARGET."""
    _, _, topic, name, *_ = (*ref.split("/"), "")
    if topic in {"saved", "pushed", "kept"}:
        entry = trees.at(trees.of(commit), str(place_of_marks(name)))
        yield from read_marks(reader, entry).needed()
