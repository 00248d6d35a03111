"""What a scan asks of who remembers files, and who remembers none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from .stamp import Stamp


class Row(NamedTuple):
    """One file. Without a ``stamp`` nothing tells that it is still the one that was read."""

    size: int
    mode: str
    blob: str
    perm: int
    stamp: Stamp | None
    name: str = ""
    """The blob that ``blob`` is a pointer to; empty when it is the file itself."""


class Cache(Protocol):
    """What a scan asks and tells."""

    def folder(self, path: str, /) -> dict[str, Row]: ...

    def row(self, path: str, /) -> Row | None: ...

    def folders(self, below: str, /) -> Iterable[str]: ...

    def put(self, path: str, row: Row, /) -> None: ...

    def put_folder(self, path: str, perm: int, /) -> None: ...

    def drop(self, path: str, /) -> None: ...

    def drop_below(self, path: str, /) -> None: ...


class Nothing:
    """Remembers nothing."""

    def folder(self, _: str, /) -> dict[str, Row]:
        return {}

    def row(self, _: str, /) -> Row | None:
        return None

    def folders(self, _: str, /) -> Iterable[str]:
        return ()

    def put(self, _: str, __: Row, /) -> None:
        """Forget it."""

    def put_folder(self, _: str, __: int, /) -> None:
        """Forget it."""

    def drop(self, _: str, /) -> None:
        """There is nothing to drop."""

    def drop_below(self, _: str, /) -> None:
        """There is nothing to drop."""
