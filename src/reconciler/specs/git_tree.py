"""The specs of HEAD, read from git's objects: what is committed is wanted."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ..core.errors import Terminal, Transient
from .git import Git, NoCommit, Repository, is_unborn, open_repository, steady, unfinished
from .nodes import USUAL, Limits
from .tree import Blob, Tree, check_count, display, is_spec, too_large, unreadable

SYMLINK: Final = "120000"
REGULAR: Final = frozenset({"100644", "100755", "100664"})
_LETTERS: Final = {"M": "modified", "A": "added", "D": "deleted", "?": "added", "T": "modified"}


class Item(NamedTuple):
    """One file of a commit."""

    mode: str
    object: str


class GitHead:
    """The specs as the last commit has them, or one that ``choose`` names in its place."""

    def __init__(
        self, specs: Path, limits: Limits = USUAL, choose: Callable[[str], str] = str
    ) -> None:
        self._specs = specs
        self._choose = choose
        self.limits = limits
        self._tree: Tree | None = None
        self._items: dict[str, Item] = {}
        self._opened: tuple[Git, Repository] | None = None

    def read(self, _touched: Collection[str] | None = None) -> Tree:
        """HEAD's specs; after the first time only what two commits differ in is read.

        Raises NoCommit where there is nothing to read yet, Transient where git cannot tell.
        """
        self._opened = None
        git, repository = open_repository(self._specs)
        self._opened = git, repository
        if self._tree is not None and unfinished(repository) is not None:
            return self._tree
        commit = self._choose(self._commit(git, repository))
        if self._tree is None or self._tree.revision != commit:
            self._move(git, repository, commit)
        if self._tree is None:
            raise NoCommit
        return self._tree

    def is_brief(self, _touched: Collection[str]) -> bool:
        """Git is asked, by a process of its own."""
        return False

    def pending(self) -> tuple[str, ...]:
        """How the work tree differs from what was read."""
        git, repository = self._opened or open_repository(self._specs)
        path = self._inside(repository)
        words = ("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
        found = git.run(*words, "--", f":(top,literal){path}").split(b"\0")
        edits = sorted(
            {edit for line in found if line for edit in self._edit(os.fsdecode(line), path)}
        )
        begun = unfinished(repository)
        note = (f"{begun} in progress: HEAD is read again when it is done",) if begun else ()
        return (*edits, *note)

    def watch_paths(self) -> tuple[Path, ...]:
        """The specs, and where git notes that HEAD moved (in a linked work tree: both places)."""
        _, repository = open_repository(self._specs)
        wanted = (repository.own / "logs", repository.common / "refs")
        places = [place for place in wanted if place.is_dir()]
        if len(places) < len(wanted):
            places.append(repository.own)
        return (*((self._specs,) if self._specs.is_dir() else ()), *places)

    def _edit(self, line: str, path: str) -> Iterable[str]:
        letters, name = line[:2].strip(), line[3:]
        if is_spec(_below(name, path)):
            yield f"{self._name(name, path)} {_LETTERS.get(letters[:1], 'modified')}"

    def _commit(self, git: Git, repository: Repository) -> str:
        for expression in steady(repository):
            done = git.attempt("rev-parse", "--verify", "--quiet", f"{expression}^{{commit}}")
            if not done.returncode:
                return done.stdout.decode().strip()
        if self._tree is None and is_unborn(git, repository):
            raise NoCommit
        message = f"HEAD of {repository.top} names no commit that can be read"
        raise Transient(message, reason="GitUnreadable")

    def _move(self, git: Git, repository: Repository, commit: str) -> None:
        path = self._inside(repository)
        items = self._items_of(git, commit, path)
        check_count(len(items), self._specs, self.limits)
        known = self._items
        wanted = {
            name: item
            for name, item in items.items()
            if item.mode == SYMLINK or known.get(name) != item
        }
        files = dict(self._tree.files) if self._tree else {}
        gone = known.keys() - items.keys()
        for name in gone:
            files.pop(self._name(name, path), None)
        replaced = {self._name(name, path) for name in wanted}
        kept = (one for name, one in files.items() if name not in replaced)
        room = self.limits.total - sum(len(one.data) for one in kept)
        for name, one in self._fetch(git, commit, wanted, room).items():
            files[self._name(name, path)] = one
        changed = frozenset((*(self._name(name, path) for name in gone), *replaced))
        since = self._tree.revision if self._tree else ""
        self._items, self._tree = items, Tree(commit, files, "git", since, changed)

    def _items_of(self, git: Git, commit: str, path: str) -> dict[str, Item]:
        """The spec files of ``commit`` by their path in the repository."""
        place = ("--", path) if path else ()
        if self._tree is not None:
            words = ("diff-tree", "-r", "-z", "--no-renames", "--raw", "--no-abbrev")
            done = git.attempt(*words, self._tree.revision, commit, *_top(place))
            if not done.returncode:
                return self._patched(done.stdout, path)
        found = git.run("ls-tree", "-r", "-z", "--full-tree", commit, *place)
        items = {}
        for line in found.split(b"\0"):
            if line:
                facts, _, name = os.fsdecode(line).partition("\t")
                mode, _, thing = facts.split(" ")
                items[name] = Item(mode, thing)
        return {name: item for name, item in items.items() if _is_wanted(name, item, path)}

    def _patched(self, raw: bytes, path: str) -> dict[str, Item]:
        items = dict(self._items)
        words = os.fsdecode(raw).split("\0")
        for facts, name in zip(words[::2], words[1::2], strict=False):
            _, mode, _, thing, _ = facts.split(" ")
            items.pop(name, None)
            if _is_wanted(name, Item(mode, thing), path):
                items[name] = Item(mode, thing)
        return items

    def _fetch(
        self, git: Git, commit: str, items: Mapping[str, Item], room: int
    ) -> dict[str, Blob]:
        asked = {name: item.object for name, item in items.items() if item.mode in REGULAR}
        links = [name for name, item in items.items() if item.mode == SYMLINK]
        targets = _read_objects(git, [items[name].object for name in links], self.limits, room)
        blobs: dict[str, Blob] = {}
        for name in links:
            aim = _aim(name, targets[items[name].object].data)
            known = git.attempt("rev-parse", "--verify", "--quiet", f"{commit}:{aim}")
            if aim.startswith("../") or known.returncode:
                blobs[name] = unreadable("the link leads to no file of this repository")
            else:
                asked[name] = known.stdout.decode().strip()
        read = _read_objects(git, asked.values(), self.limits, room)
        return blobs | {name: read[thing] for name, thing in asked.items()}

    def _inside(self, repository: Repository) -> str:
        """The spec folder's path in the repository; empty when it is the repository itself."""
        found = os.path.relpath(self._specs.resolve(), repository.top)
        return "" if found == "." else found

    def _name(self, name: str, path: str) -> str:
        return display(f"{self._specs.name}/{_below(name, path)}")


def _top(place: tuple[str, ...]) -> tuple[str, ...]:
    return ("--", f":(top,literal){place[1]}") if place else ()


def _is_wanted(name: str, item: Item, path: str) -> bool:
    return is_spec(_below(name, path)) and (item.mode in REGULAR or item.mode == SYMLINK)


def _below(name: str, path: str) -> str:
    """A file's path in the spec folder, from the one in the repository."""
    return name[len(path) + 1 :] if path else name


def _aim(link: str, target: bytes) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(link), os.fsdecode(target)))


def _read_objects(git: Git, objects: Collection[str], limits: Limits, room: int) -> dict[str, Blob]:
    """The content of git objects; what is over the limit is not read.

    Raises Terminal when all together, each as often as it is named, have more than ``room`` bytes:
    who parses them reads one content under each of its names.
    """
    sizes = _sizes(git, sorted(set(objects)))
    found: dict[str, Blob] = {}
    for name, size in sizes.items():
        if size is None:
            found[name] = unreadable("the link leads to no file of this repository")
        elif size > limits.file_bytes:
            found[name] = too_large(size, limits)
    if sum(sizes[name] or 0 for name in objects if name not in found) > room:
        message = f"more than {limits.total >> 20} MiB of specs; use a smaller folder"
        raise Terminal(message, reason="TooLarge")
    return found | _read_batch(git, [name for name in sizes if name not in found])


def _sizes(git: Git, objects: list[str]) -> dict[str, int | None]:
    """How many bytes each has; None for what is no file."""
    if not objects:
        return {}
    said = git.run("cat-file", "--batch-check", data="\n".join((*objects, "")).encode())
    found: dict[str, int | None] = {}
    for name, facts in zip(objects, said.decode().splitlines(), strict=True):
        words = facts.split(" ")
        if words[-1] == "missing":
            raise _lost(name)
        found[name] = int(words[2]) if words[1] == "blob" else None
    return found


def _lost(name: str) -> Transient:
    return Transient(f"git does not find the object {name}", reason="GitUnreadable")


def _read_batch(git: Git, objects: list[str]) -> dict[str, Blob]:
    if not objects:
        return {}
    stream = git.run("cat-file", "--batch", data="\n".join((*objects, "")).encode())
    found, at = {}, 0
    for name in objects:
        end = stream.index(b"\n", at)
        # A clean-up by git itself may move an object at the wrong moment.
        facts = stream[at:end].decode().split(" ")
        if facts[-1] == "missing":
            raise _lost(name)
        size = int(facts[2])
        found[name] = Blob(name, stream[end + 1 : end + 1 + size])
        at = end + size + 2
    return found
