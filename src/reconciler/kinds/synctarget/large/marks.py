"""Which files of a target are pointers, and which blobs are kept for it: a file beside the data.

A file that merely looks like a pointer is a file like any other. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from ..modes import OURS

KEPT: Final = 30 * 86400
"""Seconds that the blobs of a file that was deleted stay."""
_DROPPED: Final = 200


class Mark(NamedTuple):
    """One path: the id of the file that is its pointer, and the blob that it stands for."""

    pointer: str
    name: str


class Kept(NamedTuple):
    """One path: its pointer, and the blobs of its versions, the newest first."""

    pointer: str
    names: tuple[str, ...]


class Gone(NamedTuple):
    """A path that is large no more: since when, and the blobs of its versions."""

    since: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """``dropped`` are blobs that nothing here needs any more; they may be deleted."""

    files: Mapping[str, Kept] = field(default_factory=dict)
    gone: Mapping[str, Gone] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()

    def needed(self) -> set[str]:
        """Every blob that must stay."""
        kept = [one.names for one in self.files.values()]
        kept += [one.names for one in self.gone.values()]
        return {name for names in kept for name in names}


NONE: Final = Marks()


def place_of_marks(name: str) -> PurePosixPath:
    """Where in a repository the marks of a target are written."""
    return PurePosixPath(OURS, "large", f"{name}.json")


def advance(
    before: Marks,
    now: Mapping[str, Mark],
    *,
    versions: int,
    moment: float,
    deleted: Collection[str] = (),
) -> Marks:
    """The marks after a look that found ``now``; the very same when nothing large changed."""
    if {path: kept.pointer for path, kept in before.files.items()} == {
        path: mark.pointer for path, mark in now.items()
    }:
        return before
    files, gone = {}, dict(before.gone)
    dropped = [name for name in before.dropped if name not in deleted]
    for path, mark in now.items():
        old = before.files.get(path) or gone.pop(path, None)
        names = _newest(mark.name, old.names if old else ())
        files[path] = Kept(mark.pointer, names[:versions])
        dropped += names[versions:]
    for path, kept in before.files.items():
        if path not in now:
            gone[path] = Gone(int(moment), kept.names)
    for path, left in tuple(gone.items()):
        if not 0 <= moment - left.since < KEPT:
            dropped += gone.pop(path).names
    return _settled(Marks(files, gone, tuple(dropped)))


def combine(ours: Marks, theirs: Marks, at: Callable[[str], str | None], *, moment: float) -> Marks:
    """The marks of a merge: ``at`` tells the id of what stands at a path of it.

    What one side let go is not brought back by the other, which did not know.
    """
    known = {
        path: [side.files[path] for side in (ours, theirs) if path in side.files]
        for path in {**theirs.files, **ours.files}
    }
    stands = {
        path: side
        for path, sides in known.items()
        for side in reversed(sides)
        if side.pointer == at(path)
    }
    # A blob that is somewhere the newest is not let go, whoever thought so.
    let_go = {*ours.dropped, *theirs.dropped} - {side.names[0] for side in stands.values()}
    files: dict[str, Kept] = {}
    gone = {**theirs.gone, **ours.gone}
    for path, sides in known.items():
        names = [name for side in sides for name in side.names if name not in let_go]
        if (found := stands.get(path)) is not None:
            files[path] = Kept(found.pointer, _newest(found.names[0], names))
            gone.pop(path, None)
        elif path not in gone:
            gone[path] = Gone(int(moment), _newest(sides[0].names[0], names))
    left = {path: one._replace(names=_without(one.names, let_go)) for path, one in gone.items()}
    left = {path: one for path, one in left.items() if one.names}
    return _settled(Marks(files, left, (*theirs.dropped, *ours.dropped)))


def encode(marks: Marks) -> bytes:
    """As JSON with a line for each thing, in one order, so that a diff shows what changed."""
    told = {
        "version": 1,
        "files": {path: kept._asdict() for path, kept in sorted(marks.files.items())},
        "gone": {path: gone._asdict() for path, gone in sorted(marks.gone.items())},
        "dropped": marks.dropped,
    }
    return json.dumps(told, indent=0).encode() + b"\n"


def decode(content: bytes) -> Marks | None:
    """What a file of marks says; None when nobody can have written it so."""
    try:
        told = json.loads(content)
        return Marks(
            {str(p): Kept(_id(k["pointer"]), _names(k["names"])) for p, k in told["files"].items()},
            {str(p): Gone(int(g["since"]), _names(g["names"])) for p, g in told["gone"].items()},
            _names(told["dropped"]) if told["dropped"] else (),
        )
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return None


def _newest(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """A version that came back is the newest, and stands there once."""
    return tuple(dict.fromkeys((name, *names)))


def _without(names: Iterable[str], others: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in others)


def _settled(marks: Marks) -> Marks:
    needed = marks.needed()
    dropped = tuple(dict.fromkeys(name for name in marks.dropped if name not in needed))
    return Marks(marks.files, marks.gone, dropped[-_DROPPED:])


def _id(text: Any) -> str:
    if not isinstance(text, str) or not text:
        raise ValueError(text)
    return text


def _names(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not found:
        raise ValueError(found)
    return tuple(map(_id, found))
