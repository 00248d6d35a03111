"""Writes many git objects as one file, and finds out what such files hold already.

The layout is git's own: https://git-scm.com/docs/pack-format. Nothing is stored as a difference to
another object; git does that when it packs anew.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Final

from .files import flush, sync_folder

_KINDS: Final = {"commit": 1, "tree": 2, "blob": 3}
_ID: Final = 20
_CRC: Final = 32
_WIDE: Final = 1 << 31
"""Offsets from here on stand in a table of their own."""
_FANOUT: Final = 8
_NAMES: Final = _FANOUT + 4 * 256
_PART: Final = 1 << 20


class PackWriter:
    """A pack in the making: nobody sees it until ``finish``."""

    def __init__(self, objects: Path) -> None:
        self._folder = objects / "pack"
        self._folder.mkdir(exist_ok=True, mode=0o700)
        # git's own name for such files, so that its cleaning finds what a kill leaves behind
        descriptor, name = tempfile.mkstemp(prefix="tmp_pack_", dir=self._folder)
        self._draft = Path(name)
        self._file: BinaryIO = os.fdopen(descriptor, "w+b")
        self._file.write(b"PACK" + struct.pack(">II", 2, 0))
        self._held: dict[bytes, int] = {}
        self._known = PackedNames(self._folder)

    def __contains__(self, name: str) -> bool:
        raw = bytes.fromhex(name)
        return raw in self._held or raw in self._known

    def write(self, kind: str, parts: Iterable[bytes], size: int) -> str:
        """Add an object of ``size`` bytes, and say its id. What is held already is not kept twice.

        When the parts cannot be read it is as if this had not been called.
        """
        start = self._file.tell()
        try:
            raw, check = self._deflate(kind, parts, size)
        except BaseException:
            self._cut(start)
            raise
        if raw in self._held or raw in self._known:
            self._cut(start)
        else:
            self._held[raw] = start << _CRC | check
        return raw.hex()

    def finish(self) -> None:
        """Put it in place, on the disk; the index, by which git finds it, comes last."""
        self._known.close()
        if not self._held:
            self.drop()
            return
        with self._file as file:
            file.seek(8)
            file.write(struct.pack(">I", len(self._held)))
            digest = _digest(file)
            file.write(digest)
            file.flush()
            os.fchmod(file.fileno(), 0o400)
            os.fsync(file.fileno())
        final = self._folder / f"pack-{digest.hex()}.pack"
        self._draft.rename(final)
        self._write_index(final.with_suffix(".idx"), digest)
        sync_folder(self._folder)

    def drop(self) -> None:
        """Leave nothing of it."""
        self._known.close()
        self._file.close()
        self._draft.unlink(missing_ok=True)

    def _deflate(self, kind: str, parts: Iterable[bytes], size: int) -> tuple[bytes, int]:
        digest = hashlib.sha1(f"{kind} {size}\0".encode("ascii"), usedforsecurity=False)
        packer, head = zlib.compressobj(1), _head(_KINDS[kind], size)
        check = zlib.crc32(head)
        self._file.write(head)
        for part in parts:
            digest.update(part)
            check = self._put(packer.compress(part), check)
        return digest.digest(), self._put(packer.flush(), check)

    def _put(self, content: bytes, check: int) -> int:
        self._file.write(content)
        return zlib.crc32(content, check)

    def _cut(self, at: int) -> None:
        self._file.seek(at)
        self._file.truncate()

    def _write_index(self, path: Path, digest: bytes) -> None:
        descriptor, name = tempfile.mkstemp(prefix="tmp_idx_", dir=self._folder)
        with os.fdopen(descriptor, "wb") as file:
            summed = hashlib.sha1(usedforsecurity=False)
            for part in _index(self._held, digest):
                summed.update(part)
                file.write(part)
            file.write(summed.digest())
            file.flush()
            os.fchmod(file.fileno(), 0o400)
            flush([file.fileno()])
        Path(name).rename(path)


class PackedNames:
    """The ids in all packs of a folder."""

    def __init__(self, folder: Path) -> None:
        self._maps: list[mmap.mmap] = []
        for path in folder.glob("pack-*.idx"):
            with suppress(OSError, ValueError), path.open("rb") as file:
                self._maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def __contains__(self, raw: bytes) -> bool:
        return any(_holds(found, raw) for found in self._maps)

    def close(self) -> None:
        for found in self._maps:
            found.close()
        self._maps.clear()


def _holds(index: mmap.mmap, raw: bytes) -> bool:
    if index[:4] != b"\377tOc":
        return False
    first = raw[0]
    low = _at(index, first - 1) if first else 0
    high = _at(index, first)
    while low < high:
        middle = (low + high) // 2
        place = _NAMES + _ID * middle
        found = index[place : place + _ID]
        if found == raw:
            return True
        low, high = (middle + 1, high) if found < raw else (low, middle)
    return False


def _at(index: mmap.mmap, number: int) -> int:
    place = _FANOUT + 4 * number
    return int.from_bytes(index[place : place + 4], "big")


def _head(kind: int, size: int) -> bytes:
    """The kind in three bits, the size in all others, the lowest first."""
    parts, size = [kind << 4 | size & 0xF], size >> 4
    while size:
        parts[-1] |= 0x80
        parts.append(size & 0x7F)
        size >>= 7
    return bytes(parts)


def _digest(file: BinaryIO) -> bytes:
    """Of the whole file, which is read again: how many objects there are stands before them."""
    digest = hashlib.sha1(usedforsecurity=False)
    file.seek(0)
    for part in iter(lambda: file.read(_PART), b""):
        digest.update(part)
    return digest.digest()


def _index(held: dict[bytes, int], digest: bytes) -> Iterator[bytes]:
    names = sorted(held)
    counts = [0] * 256
    for name in names:
        counts[name[0]] += 1
    offsets = [held[name] >> _CRC for name in names]
    wide = [offset for offset in offsets if offset >= _WIDE]
    places = iter(range(_WIDE, _WIDE + len(wide)))
    short = [next(places) if offset >= _WIDE else offset for offset in offsets]
    yield b"\377tOc" + struct.pack(">I", 2)
    yield struct.pack(">256I", *accumulate(counts))
    yield b"".join(names)
    yield struct.pack(f">{len(names)}I", *(held[name] & 0xFFFFFFFF for name in names))
    yield struct.pack(f">{len(names)}I", *short)
    yield struct.pack(f">{len(wide)}Q", *wide)
    yield digest
