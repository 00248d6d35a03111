"""Trees and commits of one git folder, edited in place of being built anew.

What an edit costs depends on how deep the edited paths lie, not on how much lies beside them:
no index is read or written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ..core.errors import Transient
from .git_objects import EMPTY_TREE, TREE, Entry, encode_tree, object_id
from .git_reader import ObjectReader, damaged

Edits = Mapping[str, Entry | None]
"""Path -> what shall stand there; None: nothing."""

MOST: Final = 1_000_000
"""So many files and folders are looked at for one purpose: what has more is no backup of ours."""
DEEPEST: Final = 250
"""So many folders may lie in each other; a few more than a backup takes in."""
_ID: Final = 20


class Who(NamedTuple):
    """Whom a commit is by."""

    name: str
    email: str


@dataclass(slots=True)
class Edited:
    """A tree's id, and the trees that are not stored yet."""

    id: str
    fresh: dict[str, bytes] = field(default_factory=dict)


class Trees:
    """Reads and edits; stores nothing.

    A small pack can hold a tree of any size, for a folder may stand in many places. So what is
    read of a stranger's is counted. Raises Transient with TooLarge beyond ``most`` names.
    """

    def __init__(self, reader: ObjectReader, *, most: int | None = None) -> None:
        self._reader = reader
        self._left = most
        self._edited: dict[str, dict[str, Entry]] = {EMPTY_TREE.id: {}}

    def of(self, commit: str) -> str:
        """The tree of a commit."""
        return self._lines(commit)[0].removeprefix("tree ")

    def parents(self, commit: str) -> list[str]:
        return [
            line.removeprefix("parent ")
            for line in self._lines(commit)
            if line.startswith("parent ")
        ]

    def children(self, tree: str) -> dict[str, Entry]:
        """What stands in a tree, by name."""
        if tree in self._edited:
            return dict(self._edited[tree])
        kind, content = self._reader.whole(tree)
        if kind != "tree":
            raise damaged(tree)
        self._count(content.count(b"\0") + 1)  # before a million names are in memory
        return _decode(tree, content)

    def at(self, tree: str, path: str) -> Entry | None:
        """What stands at a path below a tree; None when nothing does."""
        entry = Entry(TREE, tree)
        for name in path.split("/") if path not in {"", "."} else ():
            if entry.mode != TREE:
                return None
            found = self.children(entry.id).get(name)
            if found is None:
                return None
            entry = found
        return entry

    def edit(self, tree: str | None, edits: Edits) -> Edited:
        """The tree with some paths changed: all else stays what it is."""
        done = Edited("")
        done.id = self._edit(tree, edits, done.fresh)
        return done

    def walk(self, tree: str) -> Iterator[tuple[str, Entry]]:
        """Everything below a tree by path, a folder before what is in it."""
        left = [("", tree)]
        while left:
            above, found = left.pop()
            for name, entry in self.children(found).items():
                path = f"{above}{name}"
                yield path, entry
                if entry.mode == TREE:
                    demand_depth(path)
                    left.append((f"{path}/", entry.id))

    def _count(self, names: int) -> None:
        if self._left is None:
            return
        self._left -= names
        if self._left < 0:
            raise Transient(
                "the repository has more files and folders there than any backup of ours; "
                f"at most {MOST} are read",
                reason="TooLarge",
            )

    def _edit(self, tree: str | None, edits: Edits, fresh: dict[str, bytes]) -> str:
        children = self.children(tree) if tree is not None else {}
        deeper: dict[str, dict[str, Entry | None]] = {}
        for path, entry in edits.items():
            name, _, below = path.partition("/")
            if below:
                deeper.setdefault(name, {})[below] = entry
            elif entry is None:
                children.pop(name, None)
            else:
                children[name] = entry
        for name, parts in deeper.items():
            old = children.get(name)
            inner = old.id if old is not None and old.mode == TREE else None
            children[name] = Entry(TREE, self._edit(inner, parts, fresh))
        content = encode_tree(children)
        found = object_id("tree", content)
        if found != tree:
            fresh[found] = content
            self._edited[found] = children
        return found

    def _lines(self, commit: str) -> list[str]:
        kind, content = self._reader.whole(commit)
        if kind != "commit" or not content.startswith(b"tree "):
            raise Transient(f"git object {commit} is no commit", reason="Corrupt")
        return content.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")


def demand_depth(path: str) -> None:
    """Raises Transient with TooLarge for a path that lies too deep."""
    if path.count("/") >= DEEPEST:
        shown = f"{path[:40]}…"
        raise Transient(f"{shown} lies more than {DEEPEST} folders deep", reason="TooLarge")


def encode_commit(tree: str, parents: list[str], who: Who, message: str) -> bytes:
    """A commit object's content, of this moment."""
    by = f"{who.name.strip()} <{who.email.strip()}> {int(time.time())} +0000"
    lines = [f"tree {tree}", *(f"parent {one}" for one in parents)]
    lines += [f"author {by}", f"committer {by}", "", message]
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def _decode(tree: str, content: bytes) -> dict[str, Entry]:
    children, at = {}, 0
    try:
        while at < len(content):
            blank = content.index(b" ", at)
            end = content.index(b"\0", blank)
            name = os.fsdecode(content[blank + 1 : end])
            identity = content[end + 1 : end + 1 + _ID].hex()
            children[name] = Entry(content[at:blank].decode("ascii").lstrip("0"), identity)
            at = end + 1 + _ID
    except ValueError as exc:
        raise damaged(tree) from exc
    return children
