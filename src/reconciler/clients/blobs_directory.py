"""Keeps blobs as files of a folder: another disk, a network mount."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..core.errors import Transient
from .blobs import PART, Blob, BlobStore, Source, is_name, is_same, missing, taken
from .files import refuse, sync_folder
from .offload import check

_DRAFT: Final = ".draft-"
_DEAD: Final = 86400.0
"""Seconds after which nobody can still be writing to a draft."""


class DirectoryStore(BlobStore):
    """Blobs by name below a folder, which must be there: an unmounted disk is no empty store."""

    largest = 1 << 62

    def __init__(self, folder: Path, stop: threading.Event) -> None:
        self._folder = folder
        self._stop = stop

    def find(self, name: str) -> Blob | None:
        with self._door():
            try:
                facts = self._path(name).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            return Blob(name, facts.st_size)

    def put(self, name: str, source: Source) -> None:
        there = self.find(name)
        if there is not None:
            if not is_same(there, source):
                raise taken(name, str(self._folder))
            return
        with self._door():
            path = self._path(name)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            for left in path.parent.glob(f"{_DRAFT}*"):
                _sweep(left)
            draft = path.with_name(f"{_DRAFT}{secrets.token_hex(8)}")
            try:
                self._write(draft, source)
                draft.rename(path)
            finally:
                with suppress(OSError):
                    draft.unlink()
            sync_folder(path.parent)

    def fetch(self, name: str, start: int = 0) -> Generator[bytes, None, None]:
        with self._door():
            try:
                file = self._path(name).open("rb", buffering=0)
            except FileNotFoundError as exc:
                raise missing(name, str(self._folder)) from exc
            with file:
                file.seek(start)
                while part := file.read(PART):
                    check(self._stop)
                    yield part

    def blobs(self) -> Iterator[Blob]:
        with self._door():
            for folder, _, names in os.walk(self._folder, onerror=refuse):
                for name in names:
                    path = Path(folder, name)
                    if not name.startswith(_DRAFT):
                        yield Blob(str(path.relative_to(self._folder)), path.stat().st_size)
                    else:
                        _sweep(path)

    def delete(self, name: str) -> None:
        with self._door():
            self._path(name).unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing is open."""

    def _path(self, name: str) -> Path:
        if not is_name(name):
            raise missing(name, str(self._folder))
        return self._folder / name

    def _write(self, draft: Path, source: Source) -> None:
        how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(draft, how, 0o600), "wb", buffering=0) as file:
            for part in source.parts(self._stop):
                left = memoryview(part)
                while left:
                    left = left[file.write(left) :]
            os.fsync(file.fileno())

    @contextmanager
    def _door(self) -> Iterator[None]:
        """Where the disk's refusals become ours."""
        if not self._folder.is_dir():
            raise Transient(
                f"{self._folder} is not there, so the blobs in it cannot be told; mount or make it",
                reason="StoreUnreachable",
            )
        try:
            yield
        except OSError as exc:
            raise Transient(
                f"cannot use {exc.filename or self._folder}: {exc.strerror}", reason="StoreRefused"
            ) from exc


def _sweep(draft: Path) -> None:
    """What a killed writer left of a large file is in nobody's way for ever."""
    with suppress(FileNotFoundError):  # its writer has just ended
        if time.time() - draft.stat().st_mtime > _DEAD:
            draft.unlink()
