"""An empty file that lies ready: to make one takes the disk far longer than to write in it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from .files import create, exchange, write_all, write_atomic

NAME: Final = ".spare"


class Spare:
    """One such file in a folder, for the next that is to appear there or in a folder of it."""

    def __init__(self, folder: Path) -> None:
        self._path = f"{folder}/{NAME}"
        self._ready: list[str] = []

    def lay(self) -> None:
        """Put one there, when there is time; what lies there is old. Blocks on the disk."""
        if not self._ready:
            how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with suppress(OSError):  # then the next file is made when it is needed
                # What was there before may be open, or linked to another name: it stays as it is.
                Path(self._path).unlink(missing_ok=True)
                os.close(os.open(self._path, how, 0o600))
                self._ready.append(self._path)

    def put(self, path: Path, data: bytes) -> None:
        """Have ``path`` say ``data``, mode 0600; a crash may leave what was there, or a part.

        Raises Transient with the path and the reason when the disk refuses.
        """
        is_there = os.path.lexists(path)
        if is_there and not os.path.isfile(path):  # noqa: PTH113 (pathlib takes as long as the rest)
            return write_atomic(path, data)
        try:
            spare = self._ready.pop()  # whoever comes at the same moment gets none
            _fill(spare, data)
            if not (is_there and exchange(spare, os.fspath(path))):
                os.replace(spare, path)  # noqa: PTH105 (pathlib takes as long as the rest)
        except (IndexError, OSError):
            if is_there:
                write_atomic(path, data, durable=False)
            else:  # nobody looks for it yet
                create(path, data)
        return None


def _fill(path: str, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        write_all(file, data)
    finally:
        os.close(file)
