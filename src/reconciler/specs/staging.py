"""New contents of spec files, first beside them, then in their places, all in a moment."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self

from ..core.errors import Terminal, Transient
from .outside import OutsideError, read_regular

MODE: Final = 0o644


class Draft(NamedTuple):
    """What one file will be; without ``beside`` it will be gone."""

    place: Path
    beside: Path | None
    before: bytes | None


class Staging:
    """Drafts of some files. Nothing is there to see before ``publish``."""

    def __init__(self, root: Path, most: int) -> None:
        self._root = root
        self._most = most
        self._drafts: list[Draft] = []
        self._done: list[Draft] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for draft in self._drafts:
            if draft.beside is not None:
                with suppress(OSError):
                    draft.beside.unlink(missing_ok=True)

    def add(self, name: str, data: bytes | None) -> None:
        """Write a draft of the file ``name``, a path below the root. Raises Terminal, Transient."""
        place = self.place(name)
        try:
            self._drafts.append(Draft(place, _write_beside(place, data), self.content(place)))
        except OSError as exc:
            raise _unwritable(place, exc) from exc

    def publish(self) -> None:
        """Put all of them in their places; when one cannot be, the others are put back."""
        for draft in self._drafts:
            try:
                _move(draft)
            except OSError as exc:
                self.undo()
                raise _unwritable(draft.place, exc) from exc
            self._done.append(draft)

    def undo(self) -> None:
        """Put back what was there before ``publish``."""
        while self._done:
            _put_back(self._done.pop())

    def content(self, place: Path) -> bytes | None:
        """What a file holds now, None when there is none."""
        try:
            return read_regular(place, self._most) if os.path.lexists(place) else None
        except OutsideError as exc:
            raise Terminal(f"{place} {exc}", reason="NotEditable") from exc

    def place(self, name: str) -> Path:
        """Where the file ``name`` is. Raises Terminal when that is behind a link, or outside."""
        parts = Path(name).parts
        if Path(name).is_absolute() or ".." in parts or not parts:
            raise Terminal(f"{name} is no path of a spec file", reason="NotEditable")
        for count in range(2, len(parts) + 1):  # the spec folder itself may be a link
            one = self._root.joinpath(*parts[:count])
            if one.is_symlink():
                text = f"{one} is a link: edit the file it leads to"
                raise Terminal(text, reason="NotEditable")
        return self._root / name


def _write_beside(place: Path, data: bytes | None) -> Path | None:
    if data is None:
        return None
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}.{os.getpid()}.new")
    try:
        mode = stat.S_IMODE(place.stat().st_mode)
    except FileNotFoundError:
        mode = MODE
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    return beside


def _move(draft: Draft) -> None:
    if draft.beside is None:
        draft.place.unlink(missing_ok=True)
    else:
        draft.beside.replace(draft.place)
    descriptor = os.open(draft.place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_back(draft: Draft) -> None:
    with suppress(OSError):
        _move(draft._replace(beside=_write_beside(draft.place, draft.before)))


def _unwritable(place: Path, exc: OSError) -> Transient:
    return Transient(f"cannot write {place}: {exc.strerror}", reason="WriteFailed")
