"""Puts a backup in place: all of it is here and checked before anything live is touched."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Final

from ...clients.git import Git
from ...clients.git_objects import EMPTY_TREE, LINK, PROGRAM, TREE, Entry
from ...clients.git_reader import ObjectReader
from ...clients.offload import check, offload
from ...core.errors import Transient
from .job import Job
from .latch import Latches
from .place import Place

Listing = Mapping[str, Entry]

PRIVATE: Final = 0o700


class Restore:
    """One restore of one target. Killed at any point, the next one starts from what it finds."""

    def __init__(self, job: Job, latches: Latches) -> None:
        self._job = job
        self._latches = latches

    async def run(self) -> bool:
        """Whether the backup holds anything; afterwards it lies at the path."""
        job, place = self._job, self._job.place
        tip = await job.fetched_tip()
        theirs = await job.history.entry(tip, place.inside)
        source, from_remote = await self._source(theirs)
        if source is None or source == EMPTY_TREE:
            await offload(lambda _: _make_root(place))
            return False
        if from_remote and await job.knows(source) and self._latches.continues(place):
            return True  # what lies here grew out of this very backup, so it is newer
        self._demand_kind(source)
        await self._put(source)
        if from_remote:
            await self._keep_unpushed()
            await job.agree(tip, source)
        return True

    async def _source(self, theirs: Entry | None) -> tuple[Entry | None, bool]:
        """The newest copy: a local one that was never pushed, if the remote stood still."""
        unpushed = await self._job.unpushed()
        if unpushed is not None and await self._job.knows(theirs):
            return await self._job.history.entry(unpushed, self._job.place.inside), False
        return theirs, True

    def _demand_kind(self, source: Entry) -> None:
        place = self._job.place
        if place.is_folder != (source.mode == TREE):
            held = "a folder" if source.mode == TREE else "a file"
            raise Transient(
                f"{place.inside} is {held} in the backup; write the path so, or move it there",
                reason="PathKind",
            )

    async def _put(self, source: Entry) -> None:
        job, place = self._job, self._job.place
        wanted = (
            await job.history.listing(source.id) if place.is_folder else {place.path.name: source}
        )
        _refuse_strange_names(wanted)
        here = await job.listing()
        missing = {
            path: entry
            for path, entry in wanted.items()
            if entry.mode != TREE and here.get(path) != entry and not place.excluded(path)
        }
        swap = Swap(place, self._quarantine())
        await offload(lambda stop: swap.stage(job.folder.git, job.folder.path, missing, stop))
        await offload(lambda _: swap.run(wanted, here, tuple(missing)))
        job.note(restored=time.time(), put_aside=str(swap.aside) if swap.moved else None)

    def _quarantine(self) -> Path:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        return self._job.quarantine / self._job.name / moment

    async def _keep_unpushed(self) -> None:
        """The remote's version was taken; ours, which it never saw, stays within reach."""
        unpushed = await self._job.unpushed()
        if unpushed is not None:
            name = f"refs/reconciler/kept/{self._job.name}/{unpushed[:12]}"
            await self._job.history.move(unpushed, name)


class Swap:
    """Moves staged files into place, and what was there aside. Only renames touch live files."""

    def __init__(self, place: Place, aside: Path) -> None:
        self._place = place
        self._root = place.folder
        self.aside = aside
        self.moved = 0

    def stage(self, git: Git, folder: Path, missing: Listing, stop: threading.Event) -> None:
        """Bring all that is missing next to where it belongs, checked by its id."""
        try:
            _make_root(self._place)
            shutil.rmtree(self._place.stage, ignore_errors=True)
            if not missing:
                return
            self._place.stage.mkdir(mode=PRIVATE)
            with ObjectReader(folder, git.batch) as reader:
                for index, entry in enumerate(missing.values()):
                    check(stop)
                    self._stage_one(reader, self._place.stage / str(index), entry)
        except OSError as exc:
            raise self._failed(exc) from exc

    def run(self, wanted: Listing, here: Listing, missing: tuple[str, ...]) -> None:
        """Put the staged files in place."""
        try:
            for path, entry in sorted(here.items()):
                if entry.mode != TREE and wanted.get(path) != entry:
                    self._put_aside(path)
            for path, entry in wanted.items():
                if entry.mode == TREE and not self._place.excluded(path):
                    self._folder(path)
            for index, path in enumerate(missing):
                self._into_place(self._place.stage / str(index), path)
            self._remove_empty(wanted, here)
            shutil.rmtree(self._place.stage, ignore_errors=True)
        except OSError as exc:
            raise self._failed(exc) from exc

    def _stage_one(self, reader: ObjectReader, path: Path, entry: Entry) -> None:
        if entry.mode == LINK:
            text = BytesIO()
            reader.copy(entry.id, text)
            path.symlink_to(os.fsdecode(text.getvalue()))
        else:
            mode = 0o700 if entry.mode == PROGRAM else 0o600
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
            with os.fdopen(descriptor, "wb") as file:
                reader.copy(entry.id, file)
        self._own(path)

    def _into_place(self, staged: Path, path: str) -> None:
        parent = path.rpartition("/")[0]
        if parent:
            self._folder(parent)
        final = self._root / path
        if os.path.lexists(final):
            self._put_aside(path)
        staged.rename(final)

    def _folder(self, path: str) -> None:
        """See that every part of ``path`` is a real folder: a link could lead elsewhere."""
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            part = "/".join(parts[:depth])
            folder = self._root / part
            if folder.is_dir() and not folder.is_symlink():
                continue
            self._put_aside(part)
            folder.mkdir(mode=PRIVATE)
            self._own(folder)

    def _put_aside(self, path: str) -> None:
        source, target = self._root / path, self.aside / path
        if not os.path.lexists(source):
            return
        target.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        while os.path.lexists(target):
            target = target.with_name(target.name + ".again")
        try:
            source.rename(target)
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            _carry(source, target)
        self.moved += 1

    def _remove_empty(self, wanted: Listing, here: Listing) -> None:
        for path, entry in sorted(here.items(), reverse=True):
            if entry.mode == TREE and path not in wanted:
                with suppress(OSError):  # not empty: something that no backup keeps lies there
                    (self._root / path).rmdir()

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            facts = self._root.stat()
            os.lchown(path, facts.st_uid, facts.st_gid)

    def _failed(self, exc: OSError) -> Transient:
        return Transient(
            f"cannot restore {exc.filename or self._root}: {exc.strerror}", reason="RestoreFailed"
        )


def _make_root(place: Place) -> None:
    """The folder, owned as the one above it is; where nothing is kept yet it is simply made."""
    for folder in (*reversed(place.folder.parents), place.folder):
        if not folder.exists():
            folder.mkdir(mode=PRIVATE if folder == place.folder else 0o755)
            if os.geteuid() == 0:
                facts = folder.parent.stat()
                os.chown(folder, facts.st_uid, facts.st_gid)


def _carry(source: Path, target: Path) -> None:
    """Move to another file system: the copy is whole before the original goes."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
        shutil.rmtree(source)
    else:
        shutil.copy2(source, target, follow_symlinks=False)
        source.unlink()


def _refuse_strange_names(wanted: Listing) -> None:
    for path in wanted:
        if any(part in {"", ".", ".."} or part.lower() == ".git" for part in path.split("/")):
            raise Transient(
                f"the backup holds a path no folder may have: {path!r}", reason="BadPath"
            )
