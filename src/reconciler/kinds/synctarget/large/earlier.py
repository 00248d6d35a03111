"""Puts what earlier tools' pointers stand for in their place: what is used is files."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ....clients.git_objects import FILE, Entry, object_id
from ....clients.offload import offload
from ....core.errors import ReconcileError
from ..job import Job
from ..place import Place
from ..staging import Means, Staging, failed
from .download import Downloads
from .pointer import LARGEST, SUFFIX, Pointer, decode


class Lying(NamedTuple):
    """A pointer on the disk, and the path below the target of what it stands for."""

    path: str
    pointer: Pointer
    entry: Entry


async def resolve(job: Job) -> tuple[str, ...]:
    """Have each such file whole, and its pointer gone; what could not be had, and why.

    A file that lies beside its pointer is as new or newer, and is left as it is. A pointer goes
    only once its file is there.
    """
    return await offload(lambda stop: tuple(_resolve(job, stop)))


def _resolve(job: Job, stop: threading.Event) -> Iterator[str]:
    root = job.place.path
    lying = [*_lying(job.place)] if job.place.is_folder else []
    large = Downloads(job, {one.path: one.pointer for one in lying})
    staging = Staging(job.place, Means(None, {}, set(), job.meter, large))
    try:
        for one in lying:
            if not os.path.lexists(root / one.path):
                try:
                    _bring(job, staging, one, stop)
                except ReconcileError as exc:
                    yield f"{one.path}: {exc}"
                    continue
            (root / f"{one.path}{SUFFIX}").unlink()
    except OSError as exc:
        raise failed(exc, job.place) from exc
    finally:
        with suppress(OSError):  # what is left there is in nobody's way
            staging.drop()


def _bring(job: Job, staging: Staging, one: Lying, stop: threading.Event) -> None:
    with job.history.reader() as reader:
        staging.one(reader, one.path, one.entry, stop).rename(job.place.path / one.path)


def _lying(place: Place) -> Iterator[Lying]:
    def refuse(exc: OSError) -> None:
        """What cannot be read is not a folder without pointers."""
        if not isinstance(exc, FileNotFoundError | NotADirectoryError):
            raise place.unreadable(exc) from exc

    for top, folders, names in os.walk(place.path, onerror=refuse):
        inside = os.path.relpath(top, place.path)
        prefix = "" if inside == "." else f"{inside}/"
        folders[:] = [name for name in folders if not place.hides(f"{prefix}{name}")]
        for name in sorted(names):
            stem = name.removesuffix(SUFFIX)
            if stem in {"", name} or place.excluded(f"{prefix}{stem}"):
                continue
            try:
                content = _small(Path(top, name))
            except OSError as exc:
                raise place.unreadable(exc) from exc
            pointer = decode(content) if content is not None else None
            if content is not None and pointer is not None:
                entry = Entry(FILE, object_id("blob", content))
                yield Lying(f"{prefix}{stem}", pointer, entry)


def _small(path: Path) -> bytes | None:
    """What a file holds that may be a pointer."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
        return None
    return path.read_bytes()
