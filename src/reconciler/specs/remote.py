"""The specs of a repository elsewhere, from what was fetched of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from ..clients.git_source import SourceFolder
from ..core.errors import Terminal, Transient
from ..kinds.stack.source import Source as Order
from .git import Git, NoCommit, Repository
from .git_tree import REGULAR, GitHead, Item
from .nodes import Limits
from .stack_file import Split, holds_stack, split
from .tree import Blob, Source, Tree

REMOTE: Final = "remote"
Known: TypeAlias = tuple[Tree, Split, Order | None]
Ask: TypeAlias = Callable[[Tree], Order | None]
"""What the documents of a tree say of a source."""


class Fetched(GitHead):
    """The specs of one commit of a bare repository; links and submodules in it are nothing."""

    def __init__(self, folder: Path, environ: Mapping[str, str], path: str, limits: Limits) -> None:
        super().__init__(Path("/", path or "specs"), limits)
        self.git = Git(folder, environ)
        self._place = Repository(folder, folder, folder)
        self._path = path

    def at(self, commit: str) -> Tree:
        """Raises Transient when git cannot tell."""
        if self._tree is None or self._tree.revision != commit:
            self._move(self.git, self._place, commit)
        if self._tree is None:
            raise NoCommit
        return self._tree

    def has(self, commit: str) -> bool:
        """Whether there is such a commit here."""
        return not self.git.attempt("cat-file", "-e", f"{commit}^{{commit}}").returncode

    def items(self, commit: str) -> dict[str, Item]:
        """The spec files of a commit, by their path; for one that has not read any yet."""
        return self._items_of(self.git, commit, self._path)

    def _inside(self, _: Repository) -> str:
        return self._path

    def _items_of(self, git: Git, commit: str, path: str) -> dict[str, Item]:
        items = super()._items_of(git, commit, path)
        return {name: item for name, item in items.items() if item.mode in REGULAR}


@dataclass(slots=True)
class Followed:
    """A source: what a repository elsewhere holds where a Stack names one, else what is beside.

    ``opened`` is the folder of a source; ``choose`` may name another commit than its newest good
    one. ``turned`` is called, from whatever thread, when another source is named.
    """

    local: Source
    ask: Ask
    opened: Callable[[Order], SourceFolder]
    choose: Callable[[str], str]
    turned: Callable[[], object] = lambda: None
    order: Order | None = None
    """The source that is followed; None while the specs are those beside."""
    _fetched: tuple[Order, Fetched] | None = None
    _holders: set[str] = field(default_factory=set)
    _known: Known | None = None
    _merged: Tree = field(default_factory=lambda: Tree("", {}, ""))

    @property
    def limits(self) -> Limits:
        return self.local.limits

    def read(self, touched: Collection[str] | None = None) -> Tree:
        """What is beside, or what its Stack points at. Raises Transient before the first fetch."""
        tree, parts, order = self._beside(touched)
        before, self.order = self.order, order
        if order != before:
            self.turned()
        if order is None:
            return tree
        current = self.opened(order).current()
        if current is None:
            text = f"nothing of {order.url} was fetched and found good yet"
            raise Transient(text, reason="SourceUnknown")
        fetched = self.fetched(order)
        wanted = self.choose(current)
        if wanted != current and not fetched.has(wanted):  # it was a commit of another place
            wanted = current
        return self._merge(fetched.at(wanted), parts)

    def is_brief(self, _touched: Collection[str]) -> bool:
        """Others are asked."""
        return False

    def trial(self, commit: str) -> Tree:
        """What would be read if this commit were the good one."""
        _, parts, order = self._known or (None, Split({}, ()), None)
        if order is None:
            raise Transient("no source is followed", reason="SourceUnknown")
        return _merged(self._open(order).at(commit), parts)

    def items(self, commit: str) -> dict[str, Item]:
        """The spec files of a commit of the source. Raises Transient when git cannot tell."""
        if self.order is None:
            raise Transient("no source is followed", reason="SourceUnknown")
        return self._open(self.order).items(commit)

    def pending(self) -> tuple[str, ...]:
        """What is beside and does not count."""
        if self.order is None or self._known is None:
            return self.local.pending()
        return tuple(f"{name} not read: the source counts" for name in self._known[1].others)

    def watch_paths(self) -> tuple[Path, ...]:
        return self.local.watch_paths()

    def git(self) -> Git:
        """The repository whose commits are revisions. Raises NoCommit where none are."""
        if self.order is None:
            raise NoCommit
        return self.fetched(self.order).git

    def fetched(self, order: Order) -> Fetched:
        """What was fetched of a source."""
        if self._fetched is None or self._fetched[0] != order:
            self._fetched = order, self._open(order)
        return self._fetched[1]

    def _open(self, order: Order) -> Fetched:
        folder = self.opened(order)
        return Fetched(folder.path, folder.environ(), order.path, self.limits)

    def _beside(self, touched: Collection[str] | None) -> Known:
        tree = self.local.read(touched)
        known = self._known
        if known is None or known[0] is not tree:
            self._known = known = self._look_at(tree, known)
        return known

    def _look_at(self, tree: Tree, known: Known | None) -> Known:
        """Most edits are of files without a Stack: these are not even looked into."""
        changed = tree.differs_from(known[0]) if known is not None else None
        for name in tree.files.keys() | self._holders if changed is None else changed:
            one = tree.files.get(name)
            if one is not None and holds_stack(one):
                self._holders.add(name)
            else:
                self._holders.discard(name)
        stack = split({name: tree.files[name] for name in self._holders}).stack
        if known is not None and known[1].stack == stack:
            order = known[2]
        else:
            order = self._order(stack, known)
        return tree, split(tree.files) if order is not None else Split(stack, ()), order

    def _order(self, stack: Mapping[str, Blob], known: Known | None) -> Order | None:
        """The source that is named; a mistake in the Stack leaves the one that was.

        Raises Terminal where none was known and the mistake may be about a source.
        """
        try:
            return self.ask(Tree("", stack, ""))
        except Terminal:
            if known is not None:
                return known[2]
            if any(b"source" in one.data for one in stack.values()):
                raise
            return self.ask(Tree("", {}, ""))

    def _merge(self, fetched: Tree, parts: Split) -> Tree:
        tree = _merged(fetched, parts)
        if (tree.revision, tree.files) != (self._merged.revision, self._merged.files):
            self._merged = tree
        return self._merged


def _merged(fetched: Tree, parts: Split) -> Tree:
    """One tree of both; a local file makes room where both have the same name."""
    beside: dict[str, Blob] = {
        f"local/{name}" if name in fetched.files else name: one for name, one in parts.stack.items()
    }
    return Tree(fetched.revision, {**fetched.files, **beside}, REMOTE)
