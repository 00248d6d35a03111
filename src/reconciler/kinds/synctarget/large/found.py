"""Finds the pointers in a version of a target: by its marks, or by an earlier tool's names."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final, NamedTuple

from ....clients.blobs import Source, hash_of
from ....clients.git_history import History
from ....clients.git_objects import FILE, PROGRAM, Entry, Hasher
from ....clients.git_reader import ObjectReader, damaged
from ..contents import Contents
from ..job import Job, MakeLarge
from ..take import LIMIT, Large, NotTaken, Stored
from ..vet import vet
from .pointer import LARGEST, SUFFIX, Pointer, decode
from .reading import read_marks, read_pointer

_NOBODY: Final = "0" * 40


class Found(NamedTuple):
    """What a version holds, by path; and which of it stands for a large file."""

    wanted: Mapping[str, Entry]
    pointers: Mapping[str, Pointer]

    def recognise(self, job: Job) -> MakeLarge | None:
        """How to tell which of the large files lie here already."""
        if not self.pointers:
            return None
        return lambda stop: Recognised(self, Hasher(job.folder.path), stop)


async def entry_of(job: Job, history: History, commit: str | None) -> Entry | None:
    """What a commit has of the target: where it is a file, also an earlier tool's pointer to it."""
    inside = job.place.inside
    entry = await history.entry(commit, inside)
    if entry is not None or job.place.is_folder or await history.entry(commit, job.marks):
        return entry
    earlier = await history.entry(commit, inside.with_name(f"{inside.name}{SUFFIX}"))

    def work() -> bool:
        with history.reader() as reader:
            return earlier is not None and earlier.mode == FILE and _says(reader, earlier)

    return earlier if await asyncio.to_thread(work) else None


def _says(reader: ObjectReader, entry: Entry) -> bool:
    return read_pointer(reader, entry) is not None


async def list_version(job: Job, history: History, commit: str | None, entry: Entry) -> Found:
    """Every path of a version, and which of them stand for large files."""
    listing = await Contents(history, job.place).listing(entry)
    return await find_pointers(job, history, commit, listing)


async def find_pointers(
    job: Job, history: History, commit: str | None, wanted: Mapping[str, Entry]
) -> Found:
    """The pointers of a version.

    Once a backup of ours has marks, only these count. In one without any, what an earlier tool
    called ``<file>.pointer`` is taken for one when it says what such a pointer says.
    """
    marked = await history.entry(commit, job.marks)
    if not job.place.is_folder and not await history.entry(commit, job.place.inside):
        wanted = {f"{path}{SUFFIX}": entry for path, entry in wanted.items()}  # see entry_of

    def work() -> Found:
        with history.reader() as reader:
            if marked is None:
                return _adopted(reader, wanted, job.name)
            files = read_marks(reader, marked).files
            known = {path: kept.pointer for path, kept in files.items()}
            return Found(
                wanted,
                {
                    path: _demand(reader, entry)
                    for path, entry in wanted.items()
                    if entry.id == known.get(path) and entry.mode in {FILE, PROGRAM}
                },
            )

    return await asyncio.to_thread(work)


def _demand(reader: ObjectReader, entry: Entry) -> Pointer:
    found = decode(reader.small(entry.id, LARGEST))
    if found is None:
        raise damaged(entry.id)
    return found


def _adopted(reader: ObjectReader, wanted: Mapping[str, Entry], name: str) -> Found:
    renamed, pointers = {}, {}
    for path, entry in wanted.items():
        stem = path.removesuffix(SUFFIX)
        pointer = None
        if stem != path and stem not in wanted and entry.mode == FILE:
            pointer = read_pointer(reader, entry)
        if pointer is not None:
            pointers[stem] = pointer
        renamed[path if pointer is None else stem] = entry
    return Found(vet(renamed, name), pointers)


@dataclass
class Recognised(Large):
    """Tells which large files lie here already, as a restore wants them: by their hash."""

    found: Found
    hasher: Hasher
    stop: threading.Event
    threshold: int = field(default=-1, init=False)
    ready: bool = field(default=True, init=False)

    def take(self, below: str, file: BinaryIO, size: int) -> Stored:
        pointer = self.found.pointers.get(below)
        if pointer is None:
            if size > LIMIT:
                raise NotTaken("TooLarge", f"{size} bytes; at most {LIMIT} can be kept")
            return Stored(self.hasher.blob(file, size))
        if size == pointer.size and self._hash(file, size) == pointer.sha256:
            return Stored(self.found.wanted[below].id, pointer.name)
        return Stored(_NOBODY)

    def close(self) -> None:
        """Nothing is open."""

    def _hash(self, file: BinaryIO, size: int) -> str:
        return hash_of(Source(file.fileno(), size, "").parts(self.stop))
