"""Puts the data a link leads to where the link is: copied, compared, then swapped by renames."""

from __future__ import annotations

import filecmp
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..core.errors import Transient
from .files import refuse

STAGE: Final = ".reconciler-adopt-"
"""What lies beside a link, named so, is a copy on its way or the link itself."""


def leads_into(path: Path, folder: Path) -> bool:
    """Whether ``path`` is a link to something in ``folder``."""
    if not path.is_symlink():
        return False
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def mend(path: Path) -> None:
    """Undo what was cut short: the link is back, unless the data had taken its place.

    Raises Transient when that cannot be done.
    """
    with _told(path):
        _mend(path)


def _mend(path: Path) -> None:
    link = _beside(path, "link")
    if os.path.lexists(link) and not os.path.lexists(path):
        link.rename(path)
    link.unlink(missing_ok=True)


def unlink(path: Path) -> None:
    """Replace the link at ``path`` by a copy of what it leads to, which stays as it is.

    A link that leads to nothing goes. Raises Transient, and the link is as it was, when the copy
    is not the same in the end, or cannot be made.
    """
    with _told(path):
        _unlink(path)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system refuses, as ours, with the path that it is about."""
    leads = os.path.realpath(path)
    try:
        yield
    except OSError as exc:
        why = exc.strerror or _first(exc)
        at = f"{os.fsdecode(exc.filename)}: " if exc.filename else ""
        text = f"cannot put {leads} in place of {path}: {at}{why}"
        raise Transient(text, reason="AdoptFailed") from exc


def _first(exc: OSError) -> str:
    """What shutil says of the first of all the files it could not copy."""
    found = exc.args[0] if exc.args else ""
    return str(found[0][2]) if isinstance(found, list) and found else str(found)


def _unlink(path: Path) -> None:
    if not path.exists():
        path.unlink()
        return
    source, copy, link = path.resolve(strict=True), _beside(path, "copy"), _beside(path, "link")
    try:
        _remove(copy)
        _copy(source, copy)
        if (differing := next(_differences(source, copy), None)) is not None:
            text = f"{differing} was written to while it was copied; stop what uses {path} first"
            raise Transient(text, reason="StillChanging")
        _sync(copy)
        path.rename(link)
        copy.rename(path)
        link.unlink()
    finally:
        try:
            _remove(copy)
        finally:
            _mend(path)


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{STAGE}{what}-{path.name}")


def _copy(source: Path, copy: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, copy, symlinks=True, copy_function=_copy_one)
        _own(source, copy)
    else:
        _copy_one(str(source), str(copy))


def _copy_one(source: str, copy: str, *, follow_symlinks: bool = True) -> None:
    shutil.copy2(source, copy, follow_symlinks=follow_symlinks)
    _own(Path(source), Path(copy))


def _own(source: Path, copy: Path) -> None:
    if os.geteuid() == 0:
        facts = source.lstat()
        os.lchown(copy, facts.st_uid, facts.st_gid)


def _differences(source: Path, copy: Path) -> Iterator[Path]:
    """Everything that is not the same on both sides, byte for byte."""
    if not source.is_dir():
        if not filecmp.cmp(source, copy, shallow=False):
            yield source
        return
    for folder, names, files in os.walk(source, onerror=refuse):
        here = copy / Path(folder).relative_to(source)
        if sorted(os.listdir(here)) != sorted(os.listdir(folder)):  # noqa: PTH208 (names only)
            yield Path(folder)
            return
        for name in (*names, *files):
            if not _is_same(Path(folder) / name, here / name):
                yield Path(folder) / name


def _is_same(one: Path, other: Path) -> bool:
    kinds = [stat.S_IFMT(path.lstat().st_mode) for path in (one, other)]
    if kinds[0] != kinds[1]:
        return False
    if kinds[0] == stat.S_IFLNK:
        return one.readlink() == other.readlink()
    return kinds[0] != stat.S_IFREG or filecmp.cmp(one, other, shallow=False)


def _sync(path: Path) -> None:
    """What the rename points at is on the disk first."""
    found = [path] if not path.is_dir() else [*path.rglob("*"), path]
    for one in found:
        if one.is_symlink() or not (one.is_file() or one.is_dir()):
            continue
        descriptor = os.open(one, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
