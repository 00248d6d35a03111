"""A tree that stays as it is, as a source: to load something once."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from .nodes import USUAL, Limits
from .tree import Tree


class Fixed:
    """One tree, always the same."""

    def __init__(self, tree: Tree, limits: Limits = USUAL) -> None:
        self.limits = limits
        self._tree = tree

    def read(self, _touched: Collection[str] | None = None) -> Tree:
        return self._tree

    def is_brief(self, _touched: Collection[str]) -> bool:
        return True

    def pending(self) -> tuple[str, ...]:
        return ()

    def watch_paths(self) -> tuple[Path, ...]:
        return ()
