"""Reads and writes history in a local git folder: what stands where, commits, refs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import TypeVar

from ..core.errors import Terminal, Transient
from .git import LONG, Terms
from .git_folder import GitFolder, Settings
from .git_objects import TREE, Entry, ObjectStore
from .git_reader import ObjectReader
from .git_refs import read_ref, write_refs
from .git_trees import MOST, Trees, Who, encode_commit

T = TypeVar("T")


class History:
    """One git folder's history."""

    def __init__(self, folder: GitFolder) -> None:
        self._folder = folder
        self._store = ObjectStore(folder.path)

    def reader(self) -> ObjectReader:
        """To read objects with in a worker thread."""
        return self._folder.reader()

    async def ref(self, name: str) -> str | None:
        """The commit a ref of ours points at."""
        return await asyncio.to_thread(read_ref, self._folder.path, name)

    async def leads_to(self, older: str | None, newer: str) -> bool:
        """Whether ``newer`` stands on ``older``; without one, whether it is a first commit."""
        parents = await self._read(lambda trees: trees.parents(newer))
        if older is None:
            return not parents
        if older in parents:
            return True
        found = await self._folder.git.attempt(
            self._folder.path, "merge-base", "--is-ancestor", older, newer
        )
        return found.code == 0

    async def move(self, commit: str | None, *names: str) -> None:
        """Point refs at a commit, or remove them, one after the other."""
        if commit is not None:
            await asyncio.to_thread(self._move, commit, names)
            return
        terms = Terms(stdin="\n".join([*(f"delete {name}" for name in names), ""]).encode())
        await self._folder.git.run(
            self._folder.path, "update-ref", "--no-deref", "--stdin", terms=terms
        )

    def _move(self, commit: str, names: tuple[str, ...]) -> None:
        others = [name for name in names if read_ref(self._folder.path, name) != commit]
        if others:
            write_refs(self._folder.path, others, commit)

    async def refs(self, prefix: str) -> dict[str, str]:
        """All refs below a prefix."""
        output = await self._git("for-each-ref", "--format=%(refname) %(objectname)", prefix)
        return dict(line.split(" ", 1) for line in output.decode().splitlines())

    async def has(self, commit: str) -> bool:
        """Whether a commit and its tree are here."""
        try:
            await self._read(lambda trees: trees.children(trees.of(commit)))
        except Transient:
            return False
        return True

    async def entry(self, commit: str | None, path: PurePosixPath) -> Entry | None:
        """What stands at ``path`` in a commit; None when nothing does."""
        if commit is None:
            return None
        return await self._read(lambda trees: trees.at(trees.of(commit), str(path)))

    async def blob(self, name: str, most: int) -> bytes:
        """A small file's content. Raises Transient when it has more than ``most`` bytes."""

        def run() -> bytes:
            with self.reader() as reader:
                return reader.small(name, most)

        return await asyncio.to_thread(run)

    async def listing(self, tree: str) -> dict[str, Entry]:
        """Everything below a tree, folders included. Raises Transient when that is too much."""

        def run() -> dict[str, Entry]:
            with self.reader() as reader:
                return dict(Trees(reader, most=MOST).walk(tree))

        return await asyncio.to_thread(run)

    async def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """How many bytes some blobs have, by their ids."""
        asked = "".join(f"{name}\n" for name in {*names})
        terms = Terms(stdin=asked.encode("ascii"), deadline=LONG)
        how = "--batch-check=%(objectname) %(objectsize)"
        told = await self._folder.git.run(self._folder.path, "cat-file", how, terms=terms)
        lines = (line.split() for line in told.decode("ascii", "replace").splitlines())
        return {one[0]: int(one[1]) for one in lines if one[1].isdigit()}

    async def graft(
        self,
        commit: str | None,
        edits: Mapping[PurePosixPath, Entry | None],
        store: ObjectStore | None = None,
    ) -> str:
        """The tree of ``commit`` with some paths changed: all else stays what it is.

        It is on the disk with the commit that is made of it; then so is all else in ``store``.
        """
        return await self._read(lambda trees: _graft(trees, store or self._store, commit, edits))

    async def commit(
        self,
        tree: str,
        parents: list[str],
        message: str,
        settings: Settings,
        *,
        store: ObjectStore | None = None,
    ) -> str:
        """Record a tree as a commit; nothing points at it yet."""
        who = Who(settings.committer_name, settings.committer_email)
        content = encode_commit(tree, list(dict.fromkeys(parents)), who, message)
        return await asyncio.to_thread(_commit, store or self._store, content)

    async def _read(self, work: Callable[[Trees], T]) -> T:
        def run() -> T:
            with self.reader() as reader:
                return work(Trees(reader))

        return await asyncio.to_thread(run)

    async def _git(self, *arguments: str) -> bytes:
        return await self._folder.git.run(self._folder.path, *arguments)


def _graft(
    trees: Trees,
    store: ObjectStore,
    commit: str | None,
    edits: Mapping[PurePosixPath, Entry | None],
) -> str:
    root = trees.of(commit) if commit is not None else None
    for above in {above for path in edits for above in path.parents}:
        found = trees.at(root, str(above)) if root is not None else None
        if found is not None and found.mode != TREE:
            raise Terminal(
                f"{above} is a file on the remote, but a folder here; move it away on the remote",
                reason="PathTaken",
            )
    edited = trees.edit(root, {str(path): entry for path, entry in edits.items()})
    for content in edited.fresh.values():
        store.content("tree", content)
    return edited.id


def _commit(store: ObjectStore, content: bytes) -> str:
    name = store.content("commit", content)
    store.settle()
    return name
