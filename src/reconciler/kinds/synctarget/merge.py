"""What the remote shall have when both sides went on: every change that only one side made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from ...clients.git_objects import TREE, Entry
from ...clients.git_trees import Edited, Trees, demand_depth

Changes = Mapping[str, Entry | None]
"""Path -> the file that stands there now; None: none any more.

A path that ends in a slash is a folder without files: it is there now, or went.
"""


class Sides(NamedTuple):
    """What lay here when both sides agreed last, what lies here now, what the remote has."""

    base: Entry | None
    ours: Entry
    theirs: Entry


class Merge(NamedTuple):
    """``clashes`` are the paths that both changed, with what stands there here."""

    entry: Entry
    clashes: Changes
    fresh: Mapping[str, bytes]
    """Trees that are not stored yet."""


def merge(trees: Trees, sides: Sides, disputed: Collection[str] = ()) -> Merge:
    """Their version with our changes, but for what clashes: there theirs stays.

    ``disputed`` are earlier clashes; each stays one until both sides have the same there.
    """
    if not disputed and sides.base == sides.theirs:
        return Merge(sides.ours, {}, {})
    ours = changes(trees, sides.base, sides.ours)
    theirs = changes(trees, sides.base, sides.theirs)
    for path in disputed:
        mine, other = _at(trees, sides.ours, path), _at(trees, sides.theirs, path)
        if mine != other:
            ours, theirs = {**ours, path: mine}, {**theirs, path: other}
    folders = {above for path in theirs if not path.endswith("/") for above in _above(path)}
    clashes = {
        path: entry for path, entry in ours.items() if _clashes(path, entry, theirs, folders)
    }
    kept = {path: entry for path, entry in ours.items() if path not in clashes}
    if "" in kept or TREE not in {sides.ours.mode, sides.theirs.mode}:
        return Merge(sides.ours if "" in kept else sides.theirs, clashes, {})
    if sides.theirs.mode != TREE:
        return Merge(sides.theirs, clashes, {})
    return _apply(trees, sides.theirs, kept, clashes)


def changes(
    trees: Trees, before: Entry | None, after: Entry | None, path: str = ""
) -> dict[str, Entry | None]:
    """What differs, file by file."""
    if before == after:
        return {}
    demand_depth(path)
    old, new = _children(trees, before), _children(trees, after)
    found: dict[str, Entry | None] = {}
    if after is not None and after.mode != TREE:
        found[path] = after
    elif before is not None and before.mode != TREE and not new:
        found[path] = None
    if path and not new and (after is None or after.mode == TREE):
        found[f"{path}/"] = after
    for name in {**old, **new}:
        below = f"{path}/{name}" if path else name
        found |= changes(trees, old.get(name), new.get(name), below)
    return found


def _apply(trees: Trees, theirs: Entry, kept: Changes, clashes: Changes) -> Merge:
    """Files first; then folders, where that leaves them empty."""
    files = {path: entry for path, entry in kept.items() if not path.endswith("/")}
    done = trees.edit(theirs.id, files) if files else Edited(theirs.id)
    for mark in sorted((path for path in kept if path.endswith("/")), reverse=True):
        path, wanted = mark[:-1], kept[mark]
        there = trees.at(done.id, path)
        idle = there is None or (there.mode == TREE and not _has_files(trees, there))
        if idle and there != wanted:
            more = trees.edit(done.id, {path: wanted})
            done = Edited(more.id, done.fresh | more.fresh)
    return Merge(Entry(TREE, done.id), clashes, done.fresh)


def _children(trees: Trees, entry: Entry | None) -> dict[str, Entry]:
    return trees.children(entry.id) if entry is not None and entry.mode == TREE else {}


def _has_files(trees: Trees, entry: Entry) -> bool:
    return entry.mode != TREE or any(
        _has_files(trees, child) for child in trees.children(entry.id).values()
    )


def _clashes(path: str, entry: Entry | None, theirs: Changes, folders: Collection[str]) -> bool:
    """``folders`` are those that hold what they changed."""
    if path.endswith("/"):
        return False
    if path in theirs:
        return theirs[path] != entry
    return path in folders or any(above in theirs for above in _above(path))


def _above(path: str) -> Iterator[str]:
    while path:
        path = path.rpartition("/")[0]
        yield path


def _at(trees: Trees, top: Entry, path: str) -> Entry | None:
    if not path:
        return top
    return trees.at(top.id, path) if top.mode == TREE else None
