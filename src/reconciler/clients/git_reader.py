"""Reads git objects, loose ones at once and packed ones by git; what is read is checked by its id.

For a worker thread, as a context.
"""

from __future__ import annotations

import hashlib
import subprocess
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Self

from ..core.errors import Transient
from .git_objects import CHUNK, header, object_id

_IN_MEMORY: Final = 64 << 20
"""Bytes of the largest commit or tree that is read as one; blobs are copied in parts.

About a million names in one folder: whoever sends more means no good.
"""
_SMALL: Final = 16 << 10
_KEPT: Final = 64
"""So many small commits and trees are kept in memory: those on the way to what changes."""


class Whole(NamedTuple):
    """An object as one piece."""

    kind: str
    content: bytes


class ObjectReader:
    """Reads objects one after the other; ``batch`` starts a ``cat-file --batch`` once needed."""

    def __init__(
        self,
        folder: Path,
        batch: Callable[[Path], subprocess.Popen[bytes]],
        kept: dict[str, Whole] | None = None,
    ) -> None:
        self._kept = kept
        self._folder = folder
        self._batch = batch
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        """What it was about to say, nobody waits for."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        process.wait()

    def whole(self, name: str) -> Whole:
        """A commit or a tree. Raises Transient when it is damaged or not there."""
        if self._kept is not None and (known := self._kept.pop(name, None)) is not None:
            self._kept[name] = known  # the last to go: what lies packed costs a program to read
            return known
        found = self._loose(name) or self._packed(name)
        if object_id(found.kind, found.content) != name:
            raise damaged(name)
        if self._kept is not None and len(found.content) <= _SMALL:
            while len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[name] = found
        return found

    def small(self, name: str, most: int) -> bytes:
        """A blob's content as one. Raises Transient when it has more than ``most`` bytes."""
        kind, size, source = self._ask(name)
        if kind != "blob" or size > most:
            self._hang_up()
            raise Transient(f"git object {name} is no small file", reason="TooLarge")
        content = source.read(size)
        source.read(1)
        if object_id(kind, content) != name:
            raise damaged(name)
        return content

    def copy(self, name: str, target: BinaryIO) -> None:
        """Write one blob's content into ``target``. Raises Transient when it is damaged."""
        kind, left, source = self._ask(name)
        digest = hashlib.sha1(header(kind, left), usedforsecurity=False)
        while left and (part := source.read(min(left, CHUNK))):
            digest.update(part)
            target.write(part)
            left -= len(part)
        if left or kind != "blob" or digest.hexdigest() != name:
            raise damaged(name)
        source.read(1)

    def _loose(self, name: str) -> Whole | None:
        path = self._folder / "objects" / name[:2] / name[2:]
        unpacker = zlib.decompressobj()
        try:
            if path.stat().st_size > _IN_MEMORY:
                raise too_large(name)
            whole = unpacker.decompress(path.read_bytes(), _IN_MEMORY)
        except FileNotFoundError:
            return None
        except (OSError, zlib.error) as exc:
            raise damaged(name) from exc
        if unpacker.unconsumed_tail:
            raise too_large(name)
        head, _, content = whole.partition(b"\0")
        return Whole(head.partition(b" ")[0].decode("ascii", "replace"), content)

    def _packed(self, name: str) -> Whole:
        kind, size, source = self._ask(name)
        if size > _IN_MEMORY:
            self._hang_up()
            raise too_large(name)
        content = source.read(size)
        source.read(1)
        return Whole(kind, content)

    def _ask(self, name: str) -> tuple[str, int, BinaryIO]:
        if self._process is None:
            self._process = self._batch(self._folder)
        asked, told = self._process.stdin, self._process.stdout
        if asked is None or told is None:
            raise ValueError("the process must be started with pipes")
        try:
            asked.write(name.encode("ascii") + b"\n")
            asked.flush()
            answer = told.readline().split()
        except BrokenPipeError as exc:
            raise Transient("git cat-file ended early", reason="GitFailed") from exc
        if len(answer) != 3:  # noqa: PLR2004 (id, kind, size)
            raise Transient(f"git object {name} is not there", reason="Corrupt")
        return answer[1].decode("ascii", "replace"), int(answer[2]), told  # type: ignore[return-value]


def damaged(name: str) -> Transient:
    return Transient(f"git object {name} is damaged", reason="Corrupt")


def too_large(name: str) -> Transient:
    return Transient(
        f"git object {name} is larger than any folder or commit may be", reason="TooLarge"
    )
