"""What a git folder knows of the past of one path: its versions, and what a version holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from ..core.errors import Terminal
from .git_folder import GitFolder

_FORMAT: Final = "--format=%x1e%H%x1f%ct%x1f%an%x1f%s%x1f%P%x1d"


class Version(NamedTuple):
    """One commit that touched a path. ``files`` is how many of it; None where nobody can tell."""

    commit: str
    time: int
    author: str
    message: str
    files: int | None


class File(NamedTuple):
    """One file of a version, by its path in the repository."""

    path: str
    size: int


class Log:
    """Reads the past in one git folder. Nothing goes over the network."""

    def __init__(self, folder: GitFolder) -> None:
        self._folder = folder

    async def versions(self, refs: list[str], inside: PurePosixPath, limit: int) -> list[Version]:
        """The newest commits below some refs that touched a path."""
        if not refs:
            return []
        output = await self._git(
            *("log", "-z", f"--max-count={limit}", "--topo-order", "--no-renames", "--name-only"),
            *("-m", "--first-parent", _FORMAT, "--end-of-options", *refs, "--", str(inside)),
        )
        shallow = await self._boundary()
        return [*_versions(output.decode("utf-8", "surrogateescape"), shallow)]

    async def below(self, newer: str, *older: str) -> set[str]:
        """The commits that ``newer`` stands on and none of ``older`` does."""
        without = [f"^{one}" for one in older]
        output = await self._git("rev-list", "--end-of-options", newer, *without)
        return set(output.decode().split())

    async def commit(self, at: str) -> str:
        """The whole id of a commit that is here. Raises Terminal when there is none."""
        found = await self._folder.git.attempt(
            *(self._folder.path, "rev-parse", "--verify", "--quiet", "--end-of-options"),
            f"{at}^{{commit}}",
        )
        if found.code:
            raise Terminal(f"there is no version {at} here", reason="NotFound")
        return found.output.decode().strip()

    async def files(self, commit: str, inside: PurePosixPath) -> list[File]:
        """Every file of a path in a commit, with its size."""
        output = await self._git(
            *("ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", str(inside))
        )
        return [*map(_file, filter(None, output.split(b"\0")))]

    async def _boundary(self) -> set[str]:
        """Commits whose parents were never brought here."""
        try:
            return set((self._folder.path / "shallow").read_text("ascii").split())
        except FileNotFoundError:
            return set()

    async def _git(self, *arguments: str) -> bytes:
        return await self._folder.git.run(self._folder.path, *arguments)


def _versions(text: str, shallow: set[str]) -> Iterator[Version]:
    for part in text.split("\x1e")[1:]:
        head, _, names = part.partition("\x1d")
        commit, moment, author, message, parents = head.split("\x1f")
        known = commit not in shallow or bool(parents)
        files = len({name.strip("\n") for name in names.split("\0")} - {""})
        yield Version(commit, int(moment), author, message, files if known else None)


def _file(line: bytes) -> File:
    facts, _, path = line.partition(b"\t")
    size = facts.split()[-1]
    return File(os.fsdecode(path), int(size) if size.isdigit() else 0)
