"""Git's objects, written without a process for each: ids, blobs, trees."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Self

from ..core.errors import Transient
from .files import flush
from .git_pack import PackWriter

TREE: Final = "40000"
FILE: Final = "100644"
PROGRAM: Final = "100755"
LINK: Final = "120000"
CHUNK: Final = 1 << 20
NO_OBJECT: Final = "0" * 40
"""The id by which git says that there is nothing."""
FEW: Final = 128
"""So many new objects are a file each; more go into one, which the disk is waited for once."""


class Entry(NamedTuple):
    """What stands at a path: its mode and the id of its content."""

    mode: str
    id: str


EMPTY_TREE: Final = Entry(TREE, "4b825dc642cb6eb9a060e54bf8d69288fbee4904")


class Changed(Exception):  # noqa: N818 (an answer, not a failure: the file is taken again)
    """A file was shorter than it had been a moment before."""


def encode_tree(children: Mapping[str, Entry]) -> bytes:
    """A tree object's content; git sorts folders as if their names ended in a slash."""
    named = [(os.fsencode(name), entry) for name, entry in children.items()]
    named.sort(key=lambda one: one[0] + (b"/" if one[1].mode == TREE else b""))
    return b"".join(
        entry.mode.encode() + b" " + name + b"\0" + bytes.fromhex(entry.id) for name, entry in named
    )


def object_id(kind: str, content: bytes) -> str:
    return hashlib.sha1(header(kind, len(content)) + content, usedforsecurity=False).hexdigest()


class ReadFailed(Exception):  # noqa: N818 (says which side of a copy failed)
    """The source of a copy could not be read; the target is fine."""


class ObjectStore:
    """Writes into one git folder. What is written is durable before ``settle`` returns.

    The first few objects are files; from then on all go into one. As a context: what was not
    settled by its end may never have been written.
    """

    def __init__(self, folder: Path) -> None:
        self._objects = folder / "objects"
        self._fresh: list[Path] = []
        self._pack: PackWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pack, self._pack = self._pack, None
        if pack is not None:
            pack.drop()

    def blob(self, source: BinaryIO, size: int) -> str:
        """Store exactly ``size`` bytes of a file. Raises Changed when it has fewer."""
        return self._write("blob", _parts(source), size)

    def content(self, kind: str, content: bytes) -> str:
        """Store bytes already in memory."""
        name = object_id(kind, content)
        if _holds(self._path(name)) or (self._pack is not None and name in self._pack):
            return name
        return self._write(kind, (content,), len(content))

    def settle(self) -> None:
        """See that the disk has what was written: a commit must never point at holes."""
        pack, self._pack = self._pack, None
        fresh, self._fresh = self._fresh, []
        if pack is not None:
            try:
                pack.finish()
            except OSError as exc:
                pack.drop()
                raise self._failed(exc) from exc
        opened = []
        try:
            for path in fresh:
                with suppress(FileNotFoundError):
                    opened.append(os.open(path, os.O_RDONLY))
            flush(opened)
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def _write(self, kind: str, parts: Iterable[bytes], size: int) -> str:
        try:
            if len(self._fresh) >= FEW and self._pack is None:
                self._pack = PackWriter(self._objects)
            if self._pack is not None:
                return self._pack.write(kind, _exactly(parts, size), size)
            # git's own name for such files, so that its cleaning finds what a kill leaves behind
            descriptor, temporary = tempfile.mkstemp(prefix="tmp_obj_", dir=self._objects)
            try:
                with os.fdopen(descriptor, "wb") as target:
                    name = _deflate(target, header(kind, size), _exactly(parts, size))
                self._keep(Path(temporary), name)
            except BaseException:
                with suppress(OSError):
                    Path(temporary).unlink()
                raise
        except OSError as exc:
            raise self._failed(exc) from exc
        return name

    def _failed(self, exc: OSError) -> Transient:
        return Transient(f"cannot write into {self._objects}: {exc.strerror}", reason="WriteFailed")

    def _keep(self, temporary: Path, name: str) -> None:
        path = self._path(name)
        if _holds(path):
            temporary.unlink()
            return
        path.parent.mkdir(exist_ok=True, mode=0o700)
        temporary.chmod(0o400)
        temporary.replace(path)
        self._fresh.append(path)

    def _path(self, name: str) -> Path:
        return self._objects / name[:2] / name[2:]


class Hasher(ObjectStore):
    """Tells what would be stored, and stores nothing."""

    def content(self, kind: str, content: bytes) -> str:
        return object_id(kind, content)

    def _write(self, kind: str, parts: Iterable[bytes], size: int) -> str:
        digest = hashlib.sha1(header(kind, size), usedforsecurity=False)
        for part in _exactly(parts, size):
            digest.update(part)
        return digest.hexdigest()


def header(kind: str, size: int) -> bytes:
    """What stands before an object's content when its id is made."""
    return f"{kind} {size}\0".encode("ascii")


def _holds(path: Path) -> bool:
    """A file of no bytes is what a power loss leaves: it does not count."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _parts(source: BinaryIO) -> Iterator[bytes]:
    try:
        yield from iter(lambda: source.read(CHUNK), b"")
    except OSError as exc:
        raise ReadFailed(exc.strerror) from exc


def _exactly(parts: Iterable[bytes], size: int) -> Iterable[bytes]:
    left = size
    for part in parts:
        yield part[:left]
        left -= len(part)
        if left <= 0:
            return
    if left:
        raise Changed


def _deflate(target: BinaryIO, header: bytes, parts: Iterable[bytes]) -> str:
    digest = hashlib.sha1(header, usedforsecurity=False)
    packer = zlib.compressobj(1)
    target.write(packer.compress(header))
    for part in parts:
        digest.update(part)
        target.write(packer.compress(part))
    target.write(packer.flush())
    return digest.hexdigest()
