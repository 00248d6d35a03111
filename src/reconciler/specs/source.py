"""Where specs come from: what the last commit holds of a folder, or the files in it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from ..core.errors import Transient
from .folder import Files
from .git import NoCommit
from .git_tree import GitHead
from .nodes import USUAL, Limits
from .tree import Blob, Source, Tree

__all__ = ["Blob", "Files", "GitHead", "Source", "Tree", "open_source"]


def open_source(
    specs: Path,
    *,
    worktree: bool = False,
    limits: Limits = USUAL,
    choose: Callable[[str], str] = str,
) -> Source:
    """HEAD where there is one, else the files; with ``worktree`` always the files.

    ``choose`` may name another commit to read in the place of HEAD's.
    """
    if worktree:
        return Files(specs, limits, source="worktree")
    return _Chosen(specs, limits, choose)


class _Chosen:
    """HEAD as soon as there is a commit; until then the files as they are."""

    def __init__(self, specs: Path, limits: Limits, choose: Callable[[str], str]) -> None:
        self.limits = limits
        self._specs = specs
        self._head = GitHead(specs, limits, choose)
        self._files = Files(specs, limits)
        self._is_committed = False

    def read(self, touched: Collection[str] | None = None) -> Tree:
        try:
            tree = self._head.read()
        except NoCommit:
            self._stay_with_git()
            return self._files.read(touched)
        self._is_committed = True
        return tree

    def is_brief(self, _touched: Collection[str]) -> bool:
        """Git is asked, by a process of its own."""
        return False

    def pending(self) -> tuple[str, ...]:
        return self._head.pending() if self._is_committed else ()

    def watch_paths(self) -> tuple[Path, ...]:
        try:
            return self._head.watch_paths()
        except (NoCommit, Transient):
            return self._files.watch_paths()

    def _stay_with_git(self) -> None:
        """Where commits were read, files do not take over: nobody has committed them."""
        if self._is_committed:
            message = f"{self._specs} was in a git repository and is not any more; restart to read"
            raise Transient(f"{message} its files", reason="GitGone")
