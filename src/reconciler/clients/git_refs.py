"""Refs of a git folder of ours, read and moved without a process for each."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..core.errors import Transient
from .files import flush

_ID: Final = re.compile(r"[0-9a-f]{40}\Z")


def read_ref(folder: Path, name: str) -> str | None:
    """The commit a ref points at; None when there is no such ref."""
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        found = (folder / name).read_text("ascii", "replace").strip()
        if not _ID.match(found):  # a file of no bytes is what a power loss leaves
            raise Transient(f"{folder / name} is damaged", reason="Corrupt")
        return found
    return read_packed(folder).get(name)


def write_refs(folder: Path, names: Sequence[str], commit: str) -> None:
    """Point refs at a commit. The disk has all of them before the first is moved.

    Raises Transient when one is held by another, or the disk refuses.
    """
    held: list[tuple[int, Path]] = []
    try:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            held.append((_lock(path), path))
            os.write(held[-1][0], f"{commit}\n".encode("ascii"))
        flush([descriptor for descriptor, _ in held])
        for _, path in held:
            _lock_of(path).rename(path)
    except OSError as exc:
        raise Transient(
            f"cannot write {exc.filename}: {exc.strerror}", reason="WriteFailed"
        ) from exc
    finally:
        for descriptor, path in held:
            with suppress(OSError):
                if os.path.samestat(_lock_of(path).stat(), os.fstat(descriptor)):
                    _lock_of(path).unlink()
            os.close(descriptor)


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")  # git's own, so that it and we wait for each other


def _lock(path: Path) -> int:
    try:
        how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return os.open(_lock_of(path), how, 0o600)
    except FileExistsError as exc:
        raise Transient(f"{_lock_of(path)} is held by another git", reason="Locked") from exc


def read_packed(folder: Path) -> dict[str, str]:
    """The refs that lie together in one file; one that is loose as well counts as that."""
    try:
        lines = (folder / "packed-refs").read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return {}
    parts = (line.split(" ", 1) for line in lines if line[:1] not in {"#", "^", ""})
    return {name: commit for commit, name in parts}
