"""What git knows of a commit: who made it, when, why."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from ..core.errors import Terminal
from ..core.undoing import REVERTS
from .git import Git, NoCommit

FORMAT: Final = f"%H%x00%an%x00%ct%x00%s%x00%(trailers:key={REVERTS},valueonly)"
ASKED: Final = re.compile(r"[\w][\w./@{}^~+-]{0,250}\Z")

Opened: TypeAlias = Callable[[], Git]
"""Opens the repository anew; raises NoCommit where there is none, Transient where git fails."""


def no_repository() -> Git:
    """Where there is none."""
    raise NoCommit


class Commit(NamedTuple):
    """A commit, for people."""

    id: str
    author: str = ""
    time: float = 0.0
    subject: str = ""
    reverts: str = ""
    """What an operator took back by it; empty where none has made it."""


class Commits:
    """Looks up commits in the repository of the specs. Blocks on git."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def describe(self, revision: str) -> Commit:
        """Who made it and why; of what is no commit only the name is known."""
        try:
            git = self._opened()
        except NoCommit:
            return Commit(revision)
        words = ("log", "-1", "--no-show-signature", f"--format={FORMAT}", "--end-of-options")
        done = git.attempt(*words, revision, "--")
        parts = os.fsdecode(done.stdout).rstrip("\n").split("\0")
        if done.returncode or len(parts) != len(Commit._fields) or parts[0] != revision:
            return Commit(revision)
        return Commit(parts[0], parts[1], float(parts[2] or 0), parts[3], parts[4].strip())

    def find(self, word: str) -> str:
        """The whole id of what a person calls ``word``: a branch, a tag, a part of an id.

        Raises Terminal when that is nothing, or no word for a commit.
        """
        try:
            git = self._opened()
        except NoCommit:
            text = "the specs are in no git repository: there are no other revisions"
            raise Terminal(text, reason="NoRevisions") from None
        expression = f"{word}^{{commit}}"
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options")
        done = git.attempt(*words, expression) if ASKED.match(word) else None
        if done is None or done.returncode:
            raise Terminal(f"{word!r} names no commit of this repository", reason="UnknownRevision")
        return done.stdout.decode("ascii", "replace").strip()
