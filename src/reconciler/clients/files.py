"""Write a file so that a reader, or a crash, sees the old or the new content only."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..core.errors import Transient

_LIBC: Final = ctypes.CDLL(None)
_HERE: Final = -100
_EXCHANGE: Final = 2
_FEW: Final = 1
_AT_ONCE: Final = 8


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600, durable: bool = True) -> None:
    """Replace ``path`` by ``data``: temporary file beside it, fsync, rename, fsync of the folder.

    What is not ``durable`` may be lost with the machine, never torn by a crash of ours.
    Raises Transient with the path and the reason when the disk refuses.
    """
    # Plain calls and names: hundreds of records are written before as many programs start.
    folder, name = os.path.split(path)
    # Of its own for each thread: two that write the same path must not share it.
    temporary = f"{folder or '.'}/.{name}.{os.getpid()}-{threading.get_ident()}.tmp"
    try:
        _write(temporary, data, mode, durable=durable)
        if not durable and exchange(temporary, os.fspath(path)):
            os.unlink(temporary)  # noqa: PTH108 (the same) - what it was before
        else:
            os.replace(temporary, path)  # noqa: PTH105 (the same)
        if durable:
            sync_folder(path.parent)
    except OSError as exc:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 (the same)
        raise Transient(f"cannot write {path}: {exc.strerror}", reason="WriteFailed") from exc


def create(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file that nobody looks for yet: half of the calls, but a crash may leave a part.

    Raises Transient with the path and the reason when the disk refuses.
    """
    try:
        _write(os.fspath(path), data, mode, durable=False)
    except OSError as exc:
        with suppress(OSError):
            path.unlink()
        raise Transient(f"cannot write {path}: {exc.strerror}", reason="WriteFailed") from exc


def exchange(one: str, other: str) -> bool:
    """Put each of two files in the place of the other, at once; whether that was possible.

    Where one file replaces another by its name, ext4 writes it to the disk first, which takes
    milliseconds: https://docs.kernel.org/admin-guide/ext4.html (auto_da_alloc).
    """
    try:
        call = _LIBC.renameat2
        done: int = call(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE)
    except AttributeError:  # a C library without it
        return False
    return done == 0


def _write(path: str, data: bytes, mode: int, *, durable: bool) -> None:
    how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        descriptor = os.open(path, how, mode)
    except FileNotFoundError:  # the folder is missing, the first time
        make_private(Path(path).parent)
        descriptor = os.open(path, how, mode)
    try:
        write_all(descriptor, data)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private(folder: Path) -> None:
    """Make a folder for its owner alone, and so those above it that are missing. Raises OSError."""
    # ``mkdir(parents=True)`` would open the ones above to everybody.
    missing = [folder, *folder.parents]
    while missing and missing[-1].is_dir():
        missing.pop()
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it to an open file, however many calls that takes. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def flush(descriptors: Sequence[int]) -> None:
    """See that the disk has these open files. Side by side: a disk takes many at once as one."""
    if len(descriptors) <= _FEW:
        for descriptor in descriptors:
            os.fsync(descriptor)
        return
    with ThreadPoolExecutor(min(len(descriptors), _AT_ONCE)) as pool:
        list(pool.map(os.fsync, descriptors))


def free_space(folder: Path) -> int:
    """Bytes that we may still write where a folder is."""
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize


def list_files(folder: Path, ending: str) -> list[Path]:
    """The files of ``folder`` that end so, by name; none when there is no such folder.

    Raises Transient when it cannot be read: ``Path.glob`` would call that empty.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise Transient(f"cannot read {folder}: {exc.strerror}", reason="Unreadable") from exc
    return [folder / name for name in names if name.endswith(ending) and name[0] != "."]


def is_bare(folder: Path) -> bool:
    """Whether certainly nothing lies in a folder, at the cost of one question to the system."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except FileNotFoundError:
        return True
    except OSError:  # whoever reads it says what is wrong
        return False


def refuse(exc: OSError) -> None:
    """For os.walk: a folder that cannot be read is not an empty one."""
    raise exc


def is_absent(path: Path) -> bool:
    """Whether there is certainly no file of that name."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # whoever reads it says what is wrong
        return False
    return False


def sync_folder(folder: Path) -> None:
    """See that the disk has the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
