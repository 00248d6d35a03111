"""A commit on top of a branch that gives some files the content they had before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..core.errors import Terminal
from .git import Git, Terms
from .git_objects import NO_OBJECT, Entry

WHO = ("reconciler", "reconciler@localhost")


class Undo(NamedTuple):
    """What is to be: on top of ``commit``, by path; None where nothing is to stand.

    ``at`` is the time of the commit: made again of the same, it is the same commit. ``made`` is one
    that was made for this before, in other words perhaps: while it holds what is to be, it is it.
    """

    commit: str
    files: Mapping[str, Entry | None]
    message: str
    at: float
    made: str = ""


async def make_undo(git: Git, folder: Path, undo: Undo, scratch: Path) -> str | None:
    """The commit, in the folder, with nothing that points at it; None when it changes nothing.

    ``scratch`` is a file of ours that may be overwritten.
    """
    own = {"GIT_INDEX_FILE": str(scratch)}
    _clear(scratch)  # of one that was killed
    try:
        await git.run(folder, "read-tree", undo.commit, terms=Terms(environ=own))
        # What goes is taken out first: a file may stand where a folder was.
        lines = [f"0 {NO_OBJECT}\t{path}\0" for path in undo.files]
        lines += [f"{one.mode} {one.id}\t{path}\0" for path, one in undo.files.items() if one]
        words = ("update-index", "-z", "--index-info")
        terms = Terms(stdin="".join(lines).encode("utf-8", "surrogateescape"), environ=own)
        await git.run(folder, *words, terms=terms)
        tree = (await git.run(folder, "write-tree", terms=Terms(environ=own))).decode().strip()
    finally:
        _clear(scratch)
    before = await git.run(folder, "rev-parse", "--verify", f"{undo.commit}^{{tree}}")
    if before.decode().strip() == tree:
        return None
    if undo.made:
        found = await git.attempt(folder, "rev-parse", "--verify", "-q", f"{undo.made}^{{tree}}")
        if found.output.decode().strip() == tree:
            return undo.made
    return await _commit(git, folder, tree, undo)


def _clear(scratch: Path) -> None:
    for path in (scratch, scratch.with_name(f"{scratch.name}.lock")):
        path.unlink(missing_ok=True)


async def _commit(git: Git, folder: Path, tree: str, undo: Undo) -> str:
    who = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in zip(("NAME", "EMAIL"), WHO, strict=True)
    }
    when = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"{int(undo.at)} +0000")
    terms = Terms(stdin=undo.message.encode("utf-8", "replace"), environ={**who, **when})
    made = await git.run(folder, "commit-tree", tree, "-p", undo.commit, terms=terms)
    found = made.decode().strip()
    if len(found) != len(NO_OBJECT):
        raise Terminal(f"git made no commit, but said {found[:100]!r}", reason="GitFailed")
    return found
