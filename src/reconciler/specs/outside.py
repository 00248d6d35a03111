"""Files that specs refer to: read once, and looked at again only when they changed."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

LARGEST: Final = 1 << 20
LARGEST_DIGEST: Final = 1 << 28
CHUNK: Final = 1 << 20
SETTLED: Final = 2_000_000_000
"""Nanoseconds after which a file's times are proof that its content did not change since."""

Signature: TypeAlias = tuple[int, ...]


class OutsideError(Exception):
    """A file that cannot be read; the text says why, for a person."""


def sign(found: os.stat_result) -> Signature:
    """What changes when a file's content does."""
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def is_settled(signature: Signature, now: int) -> bool:
    """Whether a change after ``now`` must show in the signature: clocks of disks are coarse."""
    return now - max(signature[-2:]) > SETTLED


def read_regular(path: Path | str, limit: int = LARGEST) -> bytes:
    """All bytes of a regular file of at most ``limit``; a pipe or device never blocks."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OutsideError("is not a regular file")
            # A byte more than there seems to be: then one read tells that it was all.
            data = os.read(descriptor, min(found.st_size, limit) + 1)
            while found.st_size < len(data) <= limit:
                more = os.read(descriptor, limit + 1 - len(data))
                if not more:
                    break
                data += more
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as exc:
        raise OutsideError(_reason(exc)) from exc
    if len(data) > limit:
        raise OutsideError(f"is larger than {limit} bytes")
    return data


def digest_regular(path: Path, limit: int = LARGEST_DIGEST) -> str:
    """One word for the content of a regular file of at most ``limit`` bytes."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OutsideError("is not a regular file")
            while data := file.read(CHUNK):
                digest.update(data)
                limit -= len(data)
                if limit < 0:
                    raise OutsideError(f"is larger than {LARGEST_DIGEST} bytes")
    except (OSError, ValueError) as exc:
        raise OutsideError(_reason(exc)) from exc
    return digest.hexdigest()


def _reason(exc: OSError | ValueError) -> str:
    if isinstance(exc, FileNotFoundError):
        return "does not exist"
    if isinstance(exc, PermissionError):
        return f"cannot be read by uid {os.geteuid()}{_mend(exc.filename)}"
    said = exc.strerror if isinstance(exc, OSError) else None
    return f"cannot be read ({(said or 'not a path').lower()})"


def _mend(path: str | None) -> str:
    """Who owns it and what to type, as the end of a sentence; nothing where that is not seen."""
    try:
        owner = Path(path or "").stat().st_uid
    except (OSError, ValueError):
        return ""
    return f", it belongs to uid {owner}; allow it, for example `chown {os.geteuid()} {path}`"


class _Kept(NamedTuple):
    signature: Signature
    data: bytes | None
    """The content, where it is small enough to be read."""
    digest: str


class Outside:
    """The files outside the specs, kept in memory between two loads."""

    def __init__(self) -> None:
        self._kept: dict[Path, _Kept] = {}

    def read(self, path: Path) -> bytes:
        """The content of a regular file. Raises OutsideError."""
        data = self._look(path).data
        if data is None:
            raise OutsideError(f"is larger than {LARGEST} bytes")
        return data

    def fingerprint(self, path: Path) -> str:
        """One word for what reading ``path`` gives now, be it an error."""
        try:
            return self._look(path).digest
        except OutsideError as exc:
            return str(exc)

    def _look(self, path: Path) -> _Kept:
        try:
            signature = sign(path.stat())
        except (OSError, ValueError) as exc:
            self._kept.pop(path, None)
            raise OutsideError(_reason(exc)) from exc
        kept = self._kept.pop(path, None)
        if kept is None or kept.signature != signature:
            kept = _take(path, signature)
        if is_settled(signature, time.time_ns()):
            self._kept[path] = kept
        return kept


def _take(path: Path, signature: Signature) -> _Kept:
    if signature[2] > LARGEST:
        return _Kept(signature, None, digest_regular(path))
    data = read_regular(path)
    return _Kept(signature, data, hashlib.blake2b(data, digest_size=16).hexdigest())
