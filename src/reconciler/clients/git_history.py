"""Reads and writes history in a local git folder: what stands where, commits, refs."""

from __future__ import annotations

import asyncio
from pathlib import PurePosixPath

from ..core.errors import Terminal
from .git import Terms
from .git_folder import GitFolder, Settings
from .git_objects import TREE, Entry, ObjectStore, encode_tree, parse_listing


class History:
    """One git folder's history."""

    def __init__(self, folder: GitFolder) -> None:
        self._folder = folder
        self._store = ObjectStore(folder.path)

    async def ref(self, name: str) -> str | None:
        """The commit a ref of ours points at."""
        result = await self._folder.git.attempt(
            self._folder.path, "rev-parse", "--verify", "--quiet", "--end-of-options", name
        )
        return result.output.decode().strip() or None

    async def leads_to(self, older: str | None, newer: str) -> bool:
        """Whether ``newer`` stands on ``older``; without one, whether it is a first commit."""
        if older is None:
            return await self.ref(f"{newer}^") is None
        found = await self._folder.git.attempt(
            self._folder.path, "merge-base", "--is-ancestor", older, newer
        )
        return found.code == 0

    async def move(self, commit: str | None, *names: str) -> None:
        """Point refs at a commit, or remove them: all of them or none."""
        lines = [f"update {name} {commit}" if commit else f"delete {name}" for name in names]
        terms = Terms(stdin="\n".join([*lines, ""]).encode())
        await self._folder.git.run(
            self._folder.path, "update-ref", "--no-deref", "--stdin", terms=terms
        )

    async def refs(self, prefix: str) -> dict[str, str]:
        """All refs below a prefix."""
        output = await self._git("for-each-ref", "--format=%(refname) %(objectname)", prefix)
        return dict(line.split(" ", 1) for line in output.decode().splitlines())

    async def has(self, commit: str) -> bool:
        """Whether a commit and its tree are here."""
        found = await self._folder.git.attempt(
            self._folder.path, "cat-file", "-e", f"{commit}^{{tree}}"
        )
        return found.code == 0

    async def entry(self, commit: str | None, path: PurePosixPath) -> Entry | None:
        """What stands at ``path`` in a commit; None when nothing does."""
        if commit is None:
            return None
        output = await self._git("ls-tree", "-z", "--full-tree", commit, "--", str(path))
        return next((entry for _, entry in parse_listing(output)), None)

    async def listing(self, tree: str) -> dict[str, Entry]:
        """Everything below a tree, folders included."""
        output = await self._git("ls-tree", "-z", "-r", "-t", "--full-tree", tree)
        return dict(parse_listing(output))

    async def graft(self, commit: str | None, path: PurePosixPath, entry: Entry) -> str:
        """The tree of ``commit`` with ``entry`` at ``path``: all else stays what it is."""
        parts = path.parts
        depths = range(len(parts))
        levels = [await self._level(commit, PurePosixPath(*parts[:depth])) for depth in depths]
        for name, level in zip(reversed(parts), reversed(levels), strict=True):
            level[name] = entry
            tree = await asyncio.to_thread(self._store.content, "tree", encode_tree(level))
            entry = Entry(TREE, tree)
        await asyncio.to_thread(self._store.settle)
        return entry.id

    async def commit(self, tree: str, parents: list[str], message: str, settings: Settings) -> str:
        """Record a tree as a commit; nothing points at it yet."""
        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (
                ("NAME", settings.committer_name),
                ("EMAIL", settings.committer_email),
            )
        }
        links = [word for parent in parents for word in ("-p", parent)]
        terms = Terms(stdin=message.encode(), environ=who)
        output = await self._folder.git.run(
            self._folder.path, "commit-tree", tree, *links, "-F", "-", terms=terms
        )
        return output.decode().strip()

    async def tidy(self) -> None:
        """Pack what has become many small files; cheap when it has not."""
        await self._git(
            "-c", "gc.auto=5000", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"
        )

    async def _level(self, commit: str | None, path: PurePosixPath) -> dict[str, Entry]:
        if commit is None:
            return {}
        if not path.parts:
            return dict(parse_listing(await self._git("ls-tree", "-z", "--full-tree", commit)))
        found = await self.entry(commit, path)
        if found is None:
            return {}
        if found.mode != TREE:
            raise Terminal(
                f"{path} is a file on the remote, but a folder here; move it away on the remote",
                reason="PathTaken",
            )
        return dict(parse_listing(await self._git("ls-tree", "-z", found.id)))

    async def _git(self, *arguments: str) -> bytes:
        return await self._folder.git.run(self._folder.path, *arguments)
