"""Brings large files from their store beside the place they belong to, each checked by its hash.

What was brought before a kill or a broken connection is not brought again.
"""

from __future__ import annotations

import math
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

from ....clients.blobs import BlobStore, Source, hash_of, missing
from ....clients.files import write_all
from ....clients.git_objects import Entry
from ....clients.offload import check
from ....core.errors import Transient
from ..job import Job
from ..modes import PRIVATE_FILE
from .pointer import Pointer, prefixes
from .stores import Stores

ENDING: Final = ".blob"
"""What is whole and right has this name, and what is on its way another one more."""
_UNFINISHED: Final = ".part"
WORKERS: Final = 3
_FINAL: Final = frozenset({"BlobMissing", "StoreForbidden", "StoreNotFound"})


class Downloads:
    """The large files of one version."""

    def __init__(self, job: Job, pointers: Mapping[str, Pointer]) -> None:
        self._job = job
        self._pointers = pointers
        self._uses: Counter[str] = Counter()

    def __contains__(self, path: object) -> bool:
        return path in self._pointers

    def sizes(self, listing: Mapping[str, Entry]) -> dict[str, int]:
        """What the large ones of some files really have, by the id of their pointers."""
        return {
            listing[path].id: one.size for path, one in self._pointers.items() if path in listing
        }

    def left(self, folder: Path, listing: Mapping[str, Entry]) -> dict[str, int]:
        """How much of each of some files was not brought yet, by path."""
        found = {}
        for path, one in self._pointers.items():
            if path in listing:
                part = _part(_whole(folder, one))
                found[path] = one.size - (part.stat().st_size if part.exists() else 0)
        return found

    def bring(
        self,
        folder: Path,
        paths: Mapping[str, Entry],
        stop: threading.Event,
        ends: float = math.inf,
    ) -> bool:
        """Have the content of all of some paths in a folder, whole and right.

        False when the time was up first; then it goes on from there.
        """
        pointers = [self._pointers[path] for path in paths if path in self]
        self._uses = Counter(pointer.sha256 for pointer in pointers)
        wanted = {pointer.sha256: pointer for pointer in pointers}
        todo = [one for one in wanted.values() if not _whole(folder, one).exists()]
        if not todo:
            return True
        with Stores(self._job, stop) as stores, ThreadPoolExecutor(WORKERS) as pool:
            run = Run(stores, folder, stop, ends)
            tasks = [pool.submit(run.bring, pointer) for pointer in todo]
            try:
                done = [task.result() for task in tasks]
            except BaseException:
                for task in tasks:
                    task.cancel()
                raise
            return all(done)

    def hand_over(self, folder: Path, path: str, target: Path) -> None:
        """Give a path its own file of the content that was brought."""
        pointer = self._pointers[path]
        self._uses[pointer.sha256] -= 1
        if self._uses[pointer.sha256] > 0:
            shutil.copyfile(_whole(folder, pointer), target)
        else:
            _whole(folder, pointer).rename(target)

    def is_right(self, path: str, file: Path) -> bool:
        """Whether a file is the content of a path."""
        return _is_right(file, self._pointers[path])

    def leftovers(self) -> set[str]:
        """Names in the folder that a restart goes on with."""
        whole = {_whole(Path(), pointer) for pointer in self._pointers.values()}
        return {one.name for path in whole for one in (path, _part(path))}


class Run:
    """Brings some contents, until a moment."""

    def __init__(self, stores: Stores, folder: Path, stop: threading.Event, ends: float) -> None:
        self._stores = stores
        self._folder = folder
        self._stop = stop
        self._ends = ends

    def bring(self, pointer: Pointer) -> bool:
        """Whether it is there now. Raises Transient when it cannot be had as it should be."""
        store, part = self._stores.of(pointer), _part(_whole(self._folder, pointer))
        retries = left = self._stores.large.retries
        name, wrong = "", False
        while not self._is_whole(pointer):
            name = name or _name(store, pointer)
            before = self._size(pointer)
            if before >= pointer.size:  # all of it, and another: once more, and that is that
                if wrong:
                    raise _damaged(pointer)
                part.unlink(missing_ok=True)
                before, wrong = 0, True
            failure = self._fetch(store, pointer, name)
            if failure is None and time.monotonic() > self._ends:
                return False
            left = retries if self._size(pointer) > before else left - 1
            if left < 0:
                raise failure or _damaged(pointer)
            if failure is not None and self._stop.wait(min(2.0 ** (retries - left), 30.0)):
                check(self._stop)
        part.rename(_whole(self._folder, pointer))
        return True

    def _is_whole(self, pointer: Pointer) -> bool:
        part = _part(_whole(self._folder, pointer))
        return part.exists() and self._size(pointer) == pointer.size and _is_right(part, pointer)

    def _size(self, pointer: Pointer) -> int:
        try:
            return _part(_whole(self._folder, pointer)).stat().st_size
        except FileNotFoundError:
            return 0

    def _fetch(self, store: BlobStore, pointer: Pointer, name: str) -> Transient | None:
        """Append as much as comes; why it ended early, if it said so."""
        how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(_part(_whole(self._folder, pointer)), how, PRIVATE_FILE)
        with os.fdopen(descriptor, "ab", buffering=0) as file:
            at = file.tell()
            try:
                with closing(store.fetch(name, at)) as parts:
                    for part in parts:
                        check(self._stop)
                        at += len(part)
                        write_all(file.fileno(), part)
                        if at > pointer.size or time.monotonic() > self._ends:
                            break
            except Transient as exc:
                if exc.reason in _FINAL:
                    raise
                return exc
            finally:
                os.fsync(file.fileno())
        return None


def _whole(folder: Path, pointer: Pointer) -> Path:
    return folder / f"{pointer.sha256}{ENDING}"


def _part(whole: Path) -> Path:
    return whole.with_name(whole.name + _UNFINISHED)


def _is_right(file: Path, pointer: Pointer) -> bool:
    how = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(file, how)
    try:
        size = os.fstat(descriptor).st_size
        content = Source(descriptor, size, "").parts(threading.Event())
        return size == pointer.size and hash_of(content) == pointer.sha256
    finally:
        os.close(descriptor)


def _damaged(pointer: Pointer) -> Transient:
    return Transient(
        f"{pointer.name} is not what its pointer says, so it is not restored", reason="BlobDamaged"
    )


def _name(store: BlobStore, pointer: Pointer) -> str:
    """What the store calls it: hosts change odd letters of a name they were given."""
    if store.find(pointer.name) is not None:
        return pointer.name
    for blob in store.blobs():
        if blob.size == pointer.size and blob.name.startswith(prefixes(pointer.sha256)):
            return blob.name
    raise missing(pointer.name, "the store")
