"""Edits of spec files as one commit: only their paths, nobody's index, no hook."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ..clients.git_objects import NO_OBJECT
from ..core.errors import ReconcileError, Terminal, Transient
from .git import Git, Repository, open_repository, unfinished
from .git_tree import REGULAR
from .nodes import Limits
from .staging import Staging

PLAIN: Final = "100644"
COMMITTER: Final = {
    "GIT_COMMITTER_NAME": "reconciler",
    "GIT_COMMITTER_EMAIL": "reconciler@localhost",
}
NO_HOOKS: Final = ("-c", f"core.hooksPath={os.devnull}")
TRIES: Final = 20
BREATH: Final = 0.05


class Edit(NamedTuple):
    """What is to be written: files by their path from the root; None: the file goes."""

    files: Mapping[str, bytes | None]
    author: str
    message: str
    revision: str
    """The commit that the edit was made from."""


class Committing:
    """Commits edits of one spec folder."""

    def __init__(self, specs: Path, limits: Limits) -> None:
        self._specs = specs
        self._limits = limits

    def commit(self, edit: Edit) -> str:
        """Commit and write the files; returns the new commit. All of it or nothing.

        Raises Terminal where somebody has to do something first, Transient where git cannot.
        """
        git, repository = open_repository(self._specs)
        names = {self._inside(repository, name): name for name in edit.files}
        _demand_calm(git, repository, edit.revision)
        _demand_clean(git, names)
        modes = _modes(git, names)
        with Staging(self._specs.parent, self._limits.file_bytes) as staging:
            entries = self._entries(git, names, edit, modes)
            made = _make_commit(git, edit, entries)
            for path, name in names.items():
                staging.add(
                    name,
                    _smudged(git, path, staging.content(staging.place(name)), edit.files[name]),
                )
            _demand_unlocked(repository)
            # Who is killed in between leaves an edit that is pending, and nothing that is wanted.
            staging.publish()
            try:
                _move_head(git, made, edit.revision)
            except ReconcileError:
                staging.undo()
                raise
            _tell_index(git, entries)
        return made

    def _inside(self, repository: Repository, name: str) -> str:
        """The path in the repository of ``specs/web.yaml``."""
        # The spec folder may be called otherwise where a link leads to it.
        folder = os.path.relpath(self._specs.resolve(), repository.top)
        below = Path(name).relative_to(self._specs.name)
        return os.path.normpath(Path(folder, below))

    def _entries(
        self, git: Git, names: Mapping[str, str], edit: Edit, modes: Mapping[str, str]
    ) -> bytes:
        """Lines for ``update-index``: the new content of each path."""
        lines = []
        for path, name in names.items():
            data = edit.files[name]
            mode, thing = "0", NO_OBJECT
            if data is not None:
                mode = modes.get(path, PLAIN)
                thing = _ask(git, "hash-object", "-w", "--no-filters", "--stdin", data=data)
            lines.append(f"{mode} {thing}\t{path}\0")
        return os.fsencode("".join(lines))


def _demand_calm(git: Git, repository: Repository, revision: str) -> None:
    begun = unfinished(repository)
    if begun:
        text = f"a {begun} is in progress in {repository.top}: end it first"
        raise Terminal(text, reason="Unfinished")
    if git.attempt("symbolic-ref", "--quiet", "HEAD").returncode:
        text = f"{repository.top} is on no branch: `git switch` to one first"
        raise Terminal(text, reason="NoBranch")
    _demand_unlocked(repository)
    if _ask(git, "rev-parse", "HEAD") != revision:
        raise _moved(repository)


def _demand_unlocked(repository: Repository) -> None:
    lock = repository.own / "index.lock"
    if lock.exists():
        text = f"another git works in {repository.top}; if none does, remove {lock}"
        raise Terminal(text, reason="Locked")


def _moved(repository: Repository) -> Terminal:
    text = f"somebody has committed to {repository.top} in the meantime: look, and ask again"
    return Terminal(text, reason="Conflict")


def _demand_clean(git: Git, names: Mapping[str, str]) -> None:
    words = ("status", "--porcelain=v1", "-z", "--untracked-files=all", "--ignored", "--no-renames")
    found = git.run(*words, "--", *(f":(top,literal){path}" for path in names))
    if edits := [os.fsdecode(line)[3:] for line in found.split(b"\0") if line]:
        listed = ", ".join(names.get(path, path) for path in edits)
        text = f"{listed}: edits that are not committed; commit or undo them first"
        raise Terminal(text, reason="EditsPending")


def _modes(git: Git, names: Mapping[str, str]) -> dict[str, str]:
    found = git.run("ls-tree", "-z", "--full-tree", "HEAD", "--", *names)
    modes = {}
    for line in found.split(b"\0"):
        facts, _, path = os.fsdecode(line).partition("\t")
        if path and facts[:6] not in REGULAR:
            text = f"{names.get(path, path)} is a link: edit the file it leads to"
            raise Terminal(text, reason="NotEditable")
        if path:
            modes[path] = facts[:6]
    return modes


def _make_commit(git: Git, edit: Edit, entries: bytes) -> str:
    """The commit, which nothing leads to yet."""
    try:
        with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
            own = git.beside({"GIT_INDEX_FILE": f"{folder}/index", **COMMITTER, **_author(edit)})
            _ask(own, "read-tree", edit.revision)
            _ask(own, "update-index", "-z", "--index-info", data=entries)
            tree = _ask(own, "write-tree")
            words = ("commit-tree", tree, "-p", edit.revision, "-F", "-")
            return _ask(own, *words, data=edit.message.encode())
    except OSError as exc:
        raise Transient(f"git cannot commit: {exc.strerror}", reason="WriteFailed") from exc


def _author(edit: Edit) -> dict[str, str]:
    name = re.sub(r"[<>\x00-\x1f\x7f]+", " ", edit.author).strip(" .,:;\"'") or "somebody"
    box = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "somebody"
    return {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": f"{box}@localhost"}


def _smudged(git: Git, path: str, before: bytes | None, data: bytes | None) -> bytes | None:
    """What stands in the work tree: with this machine's line ends, where git turns them."""
    if data is None or before is None:
        return data
    if git.run("cat-file", "blob", f"HEAD:{path}") == before:
        return data
    thing = _ask(git, "hash-object", "--no-filters", "--stdin", data=data)
    return git.run("cat-file", "--filters", f"--path={path}", thing)


def _move_head(git: Git, new: str, old: str) -> None:
    own = git.beside(COMMITTER)
    words = ("update-ref", "-m", "commit: reconciler", "HEAD", new, old)
    done = own.attempt(*NO_HOOKS, *words)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        if "but expected" in said:
            text = "somebody has committed in the meantime: look, and ask again"
            raise Terminal(text, reason="Conflict")
        raise _refused(said)


def _tell_index(git: Git, entries: bytes) -> None:
    """Let the user's index know these paths as they are now, and nothing else of it."""
    for _ in range(TRIES):
        if not git.attempt("update-index", "-z", "--index-info", data=entries).returncode:
            return
        time.sleep(BREATH)  # another git is at work; what it does takes moments


def _ask(git: Git, *words: str, data: bytes | None = None) -> str:
    done = git.attempt(*NO_HOOKS, *words, data=data)
    if done.returncode:
        raise _refused(done.stderr.decode("utf-8", "replace"))
    return done.stdout.decode("utf-8", "replace").strip()


def _refused(said: str) -> Transient:
    first = next(iter(said.strip().splitlines()), "it does not say why")
    return Transient(f"git cannot commit: {first}", reason="WriteFailed")
