"""Refs of a git folder of ours, read and moved without a process for each."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..core.errors import Transient

_ID: Final = re.compile(r"[0-9a-f]{40}\Z")


def read_ref(folder: Path, name: str) -> str | None:
    """The commit a ref points at; None when there is no such ref."""
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        found = (folder / name).read_text("ascii", "replace").strip()
        if not _ID.match(found):  # a file of no bytes is what a power loss leaves
            raise Transient(f"{folder / name} is damaged", reason="Corrupt")
        return found
    return read_packed(folder).get(name)


def write_ref(folder: Path, name: str, commit: str) -> None:
    """Point a ref at a commit. The disk has it before this returns. Raises Transient."""
    path = folder / name
    lock = path.with_name(path.name + ".lock")  # git's own, so that it and we wait for each other
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, f"{commit}\n".encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        lock.rename(path)
    except FileExistsError as exc:
        raise Transient(f"{lock} is held by another git", reason="Locked") from exc
    except OSError as exc:
        with suppress(OSError):
            lock.unlink()
        raise Transient(f"cannot write {path}: {exc.strerror}", reason="WriteFailed") from exc


def read_packed(folder: Path) -> dict[str, str]:
    """The refs that lie together in one file; one that is loose as well counts as that."""
    try:
        lines = (folder / "packed-refs").read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return {}
    parts = (line.split(" ", 1) for line in lines if line[:1] not in {"#", "^", ""})
    return {name: commit for commit, name in parts}
