"""Opens the store that a target's large files lie in, with the credentials it was given."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

from ....clients.blobs import BlobStore
from ....core.errors import Transient
from ..job import Job
from .keys import check_secret, read_keys
from .pointer import RELEASE, Pointer
from .state import LargeState


class Stores:
    """The stores of one target, opened when they are first asked for. A context."""

    def __init__(self, job: Job, stop: threading.Event) -> None:
        self._job = job
        self._stop = stop
        self._opened: dict[str, BlobStore] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for store in self._opened.values():
            store.close()
        self._opened.clear()

    @property
    def large(self) -> LargeState:
        """What the spec says. Raises Transient when it says nothing, and there is something."""
        if self._job.state.large is None:
            raise Transient(
                f"the backup of SyncTarget/{self._job.name} holds pointers to large files; "
                "say in largeFiles where these are kept",
                reason="LargeFilesMissing",
            )
        return self._job.state.large

    @property
    def repo(self) -> str:
        """The repository that has the release; empty for other stores."""
        if self.large.store != RELEASE:
            return ""
        from ....clients.blobs_release import repository_of

        return self.large.repo or repository_of(self._job.settings.url)

    def own(self) -> BlobStore:
        """Where large files go now."""
        return self._open(self.large.tag)

    def of(self, pointer: Pointer) -> BlobStore:
        """Where a pointer says its content lies; hosts and repositories are the spec's to say."""
        if pointer.store != self.large.store:
            raise Transient(
                f"{pointer.name} lies in a store of the kind {pointer.store}, and largeFiles "
                f"names one of the kind {self.large.store}",
                reason="LargeFilesMissing",
            )
        return self._open((pointer.tag or self.large.tag) if pointer.store == RELEASE else "")

    def _open(self, tag: str) -> BlobStore:
        with self._lock:
            if tag not in self._opened:
                self._opened[tag] = self._make(tag)
            return self._opened[tag]

    def _make(self, tag: str) -> BlobStore:
        large, stop = self.large, self._stop
        if large.store == "directory":
            from ....clients.blobs_directory import DirectoryStore

            return DirectoryStore(Path(large.directory), stop)
        if large.store == "s3":
            from ....clients.blobs_s3 import Bucket, S3Store
            from ....clients.sigv4 import Keys

            keys = Keys(self._secret("access"), self._secret("secret"), large.region)
            bucket = Bucket(large.endpoint, large.bucket, large.prefix, large.retries)
            return S3Store(bucket, keys, stop)
        from ....clients.blobs_release import API, Release, ReleaseStore

        release = Release(large.api or API, self.repo, tag, large.retries)
        return ReleaseStore(release, self._token(), stop)

    def _token(self) -> str:
        if self.large.token is not None:
            return self._secret("token")
        credential = self._job.folder.credential
        return check_secret(credential.password if credential else "", self._job.name)

    def _secret(self, name: str) -> str:
        told = read_keys(self._job.folder, self._job.name)
        return check_secret(str(told.get(name) or ""), self._job.name)
