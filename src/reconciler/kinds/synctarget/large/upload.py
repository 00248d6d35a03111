"""Brings large files to their store, and makes the pointers that git keeps instead."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import BinaryIO, Final

from ....clients.blobs import Blob, BlobStore, Source, hash_of, is_same, taken
from ....clients.git_objects import ObjectStore
from ....core.errors import ReconcileError, Transient
from ..job import Job
from ..take import LATER, Large, NotTaken, Stored
from .pointer import RELEASE, Pointer, encode, long_name, short_name
from .stores import Stores

FAILED: Final = "UploadFailed"


class Deferred(Large):
    """Leaves large files for later, so that the small ones need not wait."""

    ready = False

    def __init__(self, threshold: int) -> None:
        self.threshold = threshold

    def take(self, below: str, file: BinaryIO, size: int) -> Stored:
        raise NotTaken(LATER, f"{size} bytes of {file.name} for {below} come after the others")

    def close(self) -> None:
        """Nothing is open."""


class Uploads(Large):
    """The order is: store, read back, and only then is there a pointer."""

    ready = True

    def __init__(self, job: Job, objects: ObjectStore, stop: threading.Event) -> None:
        self._job = job
        self._objects = objects
        self._stop = stop
        self._stores = Stores(job, stop)
        self.threshold = self._stores.large.threshold

    def take(self, below: str, file: BinaryIO, size: int) -> Stored:
        try:
            stored = self._take(below, file.fileno(), size)
        except ReconcileError as exc:
            raise NotTaken(FAILED, str(exc)) from exc
        self._job.meter.advance()
        return stored

    def close(self) -> None:
        self._stores.close()

    def _take(self, below: str, descriptor: int, size: int) -> Stored:
        store, large = self._stores.own(), self._stores.large
        if size > store.largest:
            raise NotTaken("TooLarge", f"{size} bytes; the store takes at most {store.largest}")
        source = Source(descriptor, size, "")
        source = source._replace(sha256=hash_of(source.parts(self._stop)))
        inside = self._job.place.inside
        path = str(inside / below if self._job.place.is_folder else inside)
        name = self._bring(store, source, path)
        pointer = Pointer(
            source.sha256, size, name, path, large.store, self._stores.repo, large.tag
        )
        return Stored(self._objects.content("blob", encode(pointer)), name)

    def _bring(self, store: BlobStore, source: Source, path: str) -> str:
        """See that the store has it; what it is called there."""
        for name in self._names(source.sha256, path):
            found = store.find(name)
            if found is not None and self._is_there(store, found, source):
                return name
            if found is None or source.sha256 in name:
                if found is not None:  # its name tells what it should be, and it is not
                    store.delete(name)
                self._upload(store, name, source)
                return name
        raise taken(path, "the store")

    def _is_there(self, store: BlobStore, found: Blob, source: Source) -> bool:
        if not is_same(found, source):
            return False
        return bool(found.sha256) or self._reads_back(store, found.name, source)

    def _upload(self, store: BlobStore, name: str, source: Source) -> None:
        status = self._job.status
        deleted = [one for one in status.get("deleted") or () if one != name]
        self._job.note(uploads=[*(status.get("uploads") or ()), name], deleted=deleted)
        store.put(name, source)
        if not self._reads_back(store, name, source):
            store.delete(name)
            raise Transient(f"{name} came back as another from the store", reason="UploadTorn")

    def _reads_back(self, store: BlobStore, name: str, source: Source) -> bool:
        if not self._stores.large.verify:
            return True
        with closing(store.fetch(name)) as parts:
            return hash_of(parts) == source.sha256

    def _names(self, sha256: str, path: str) -> tuple[str, ...]:
        large = self._stores.large
        if large.store == RELEASE:
            return short_name(sha256, path), long_name(sha256, path)
        return (f"{large.folder(self._job.settings.url)}/{sha256}",)
