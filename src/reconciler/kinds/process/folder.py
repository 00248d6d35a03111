"""The parsed files of a folder, at the cost of those in which something happened."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Generic, TypeAlias, TypeVar

from ...clients.inotify import Inotify
from ...core.errors import Transient
from ...core.model import Json

T = TypeVar("T")
Version: TypeAlias = tuple[int, int, int]
"""Which bytes a file holds, without reading them."""
Seen: TypeAlias = tuple[Version, T | None]
BRIEF: Final = 4096
"""Notes of so many bytes are about a few files."""


class Folder(Generic[T]):
    """The parsed ``*.json`` of a folder; a file is read again only when it changed.

    A file that holds no sense is None: known to be damaged. One that cannot be read raises.
    """

    def __init__(self, path: Path, parse: Callable[[Json], T]) -> None:
        self.path = path
        self._parse = parse
        self._seen: dict[str, Seen[T]] = {}
        self._values: dict[str, T | None] = {}
        self._stale = False
        self._notes: Inotify | None = None

    @property
    def is_known(self) -> bool:
        """Whether nothing happened in the folder since it was read; costs next to nothing."""
        return self._notes is not None and not self._stale and not self._notes.pending

    @property
    def is_brief(self) -> bool:
        """Whether to read it is to look at a few files at most."""
        return self._notes is not None and self._notes.pending <= BRIEF

    def may_hold(self, name: str = "") -> bool:
        """Whether it is worth a look, at ``name`` or at all; one question to the system."""
        path = self.path / f"{name}.json" if name else self.path
        try:
            os.stat(path)  # noqa: PTH116 (any trouble but absence is for who reads it)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def read(self) -> Mapping[str, T | None]:
        """Everything, by name; the very same mapping as long as nothing changes."""
        if self.is_known:
            return self._values
        touched = self._take_notes()
        found = self._look_at_all() if touched is None else self._look_at(touched)
        if found is not None or self._stale:
            self._stale, self._seen = False, self._seen if found is None else found
            self._values = {name: value for name, (_, value) in self._seen.items()}
        return self._values

    def _take_notes(self) -> set[str] | None:
        """Where something happened, if that is known.

        Before the folder is read, so that nothing happens unseen in between.
        """
        is_new = self._notes is None
        try:
            if self._notes is None:
                self._notes = Inotify([self.path], lambda path: not path.endswith(".json"))
            touched = self._notes.take()
            self._notes.forget()
        except OSError:  # it is not there, or no watch is to be had: it is read each time
            self._notes = None
            return None
        return None if is_new else touched

    def _look_at_all(self) -> dict[str, Seen[T]] | None:
        """What is there; None when nothing of it is new."""
        try:
            with os.scandir(self.path) as entries:
                paths = [one.path for one in entries if _is_ours(one.name)]
        except FileNotFoundError:
            paths = []
        except OSError as exc:
            raise self._lost(self.path, exc) from exc
        before = self._seen.keys() - map(_name_of, paths)
        return self._look_at((*paths, *(f"{self.path}/{name}.json" for name in before)))

    def _look_at(self, paths: Iterable[str]) -> dict[str, Seen[T]] | None:
        """What is there, of which only these are looked at; None when nothing of it is new."""
        found, changed = dict(self._seen), False
        for path in paths:
            folder, _, file = path.rpartition("/")
            if folder != str(self.path) or not _is_ours(file):
                continue
            name = _name_of(path)
            known = found.pop(name, None)
            now = self._look_at_one(path, known)
            if now is not None:
                found[name] = now
            changed |= now is not known
        return found if changed else None

    def _look_at_one(self, path: str, known: Seen[T] | None) -> Seen[T] | None:
        try:
            key = _key(os.stat(path))  # noqa: PTH116 (there may be hundreds)
            return known if known is not None and known[0] == key else self._read(Path(path), key)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise self._lost(Path(path), exc) from exc

    def _lost(self, path: Path, exc: OSError) -> Transient:
        self._notes = None  # what they told of has not been seen
        return _unreadable(path, exc)

    def read_one(self, name: str) -> T | None:
        """What is there of ``name`` now; None for nothing, or nothing that makes sense."""
        path, known = self.path / f"{name}.json", self._seen.get(name)
        try:
            key = _key(path.stat())
            return known[1] if known is not None and known[0] == key else self._read(path, key)[1]
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise _unreadable(path, exc) from exc

    def know(self, name: str, value: T) -> None:
        """What was just written, so that it need not be read."""
        with suppress(OSError):
            status = os.stat(f"{self.path}/{name}.json")  # noqa: PTH116 (pathlib takes twice as long)
            self._seen[name] = (_key(status), value)
            self._stale = True

    def remove(self, name: str) -> None:
        """Forget ``name``."""
        path = self.path / f"{name}.json"
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise Transient(f"cannot remove {path}: {exc.strerror}", reason="WriteFailed") from exc

    def _read(self, path: Path, key: Version) -> Seen[T]:
        try:
            return key, self._parse(json.loads(path.read_bytes()))
        except (ValueError, LookupError, TypeError):
            return key, None


def _is_ours(file: str) -> bool:
    return file.endswith(".json") and file[0] != "."


def _name_of(path: str) -> str:
    return path[path.rfind("/") + 1 : -5]


def _unreadable(path: Path, exc: OSError) -> Transient:
    return Transient(f"cannot read {path}: {exc.strerror}", reason="Unreadable")


def _key(status: os.stat_result) -> Version:
    return (status.st_ino, status.st_mtime_ns, status.st_size)
