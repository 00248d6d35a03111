"""Where a target lies: here on the disk, and inside the repository."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from ...core.dotgit import is_dotgit
from ...core.errors import Transient
from .state import SyncTargetState

STAGE: Final = ".reconciler-restore-"
"""Folders so named hold files on their way into place; they are never kept."""


@dataclass(frozen=True, slots=True)
class Place:
    """One target's path. For a file, ``folder`` is the one it lies in."""

    name: str
    path: Path
    inside: PurePosixPath
    is_folder: bool
    excludes: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return self.path if self.is_folder else self.path.parent

    @property
    def stage(self) -> Path:
        return self.folder / f"{STAGE}{self.name}"

    @property
    def mark(self) -> Path:
        """Where the mark of the folder lies if it can carry none; no target is called so."""
        return self.folder / f"{STAGE}.{self.name}"

    def excluded(self, relative: str) -> bool:
        """Whether a path below the target is left alone; a prefix counts at its slashes only."""
        return any(
            relative == prefix or relative.startswith(prefix + "/") for prefix in self.excludes
        )

    def hides(self, folder: str) -> bool:
        """Whether nothing below a folder is ever kept."""
        name = folder.rpartition("/")[2]
        return name.startswith(STAGE) or is_dotgit(name) or self.excluded(folder)

    def concerns(self, path: str) -> bool:
        """Whether what happens at a path of the disk may change the copy."""
        folder = f"{self.folder}/"
        inside = path.removeprefix(folder)
        if inside == path:
            return path == folder[:-1]
        if not self.is_folder:
            return inside.startswith(self.path.name) and "/" not in inside
        above = inside.rpartition("/")[0]
        return not (self.excluded(inside) or any(map(self.hides, _chain(above))))

    def identity(self) -> tuple[int, int] | None:
        """Device and inode of the folder; None when it is not there."""
        try:
            facts = self.folder.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise self.unreadable(exc) from exc
        return facts.st_dev, facts.st_ino

    def holds_something(self) -> bool:
        """Whether there is anything at the path that a backup would keep."""
        if not self.is_folder:
            return os.path.lexists(self.path)
        try:
            with os.scandir(self.path) as entries:
                return any(self._counts(entry.name) for entry in entries)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as exc:
            raise self.unreadable(exc) from exc

    def _counts(self, name: str) -> bool:
        return not name.startswith(STAGE) and not self.excluded(name)

    def unreadable(self, exc: OSError) -> Transient:
        return Transient(
            f"cannot read {exc.filename or self.path}: {exc.strerror}; "
            "let the user this runs as read it",
            reason="Unreadable",
        )


def _chain(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def place_of(name: str, state: SyncTargetState, base: str, *, stack: Path) -> Place:
    """Where a target lies. ``stack`` is the state directory, which is in no backup."""
    inside = PurePosixPath(state.path)
    path = Path(base) / inside
    return Place(
        name=name,
        path=path,
        inside=inside,
        is_folder=state.path.endswith("/"),
        excludes=(*state.excludes, *_below(path, stack)),
    )


def _below(path: Path, stack: Path) -> tuple[str, ...]:
    """The stack's own place below ``path``: it holds every secret, and this very backup."""
    inner, outer = os.path.realpath(stack), os.path.realpath(path)
    if inner == outer or os.path.commonpath((inner, outer)) != outer:
        return ()
    return (os.path.relpath(inner, outer),)
