"""Where specs are edited: an edit is proven on the whole folder before any of it is written."""

from __future__ import annotations

import difflib
import fcntl
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Final, NamedTuple

from ..core.errors import Terminal, Transient
from ..core.model import Json, Ref
from ..core.remark import Remark
from .commit import Committing, Edit
from .faults import InvalidEdit, fault_of
from .load import Loader, Snapshot
from .pages import Pages
from .problem import Problem
from .remote import REMOTE
from .staging import Staging

PATIENCE: Final = 5.0
BREATH: Final = 0.02
NAMED: Final = 3
"""Resources that the message of a commit names."""


class Wish(NamedTuple):
    """What resources shall say; None: they shall not be written any more."""

    documents: Mapping[Ref, Json]
    author: str
    home: str
    """The file in the spec folder that new documents go to: ``50-routes.yaml``."""
    why: str = ""


class Proposal(NamedTuple):
    """An edit that was proven, not written yet. ``snapshot`` is what the specs would be."""

    wish: Wish
    changed: tuple[Ref, ...]
    files: Mapping[str, bytes | None]
    before: Mapping[str, bytes | None]
    revision: str
    snapshot: Snapshot

    @property
    def diff(self) -> str:
        """The edit for people, as git shows one."""
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for name, data in self.files.items()
            for line in difflib.unified_diff(
                _lines(self.before[name]), _lines(data), f"a/{name}", f"b/{name}"
            )
        )


class Desk:
    """Edits the specs of one folder. Every method blocks: on the disk, on git."""

    def __init__(self, specs: Path, loader: Loader) -> None:
        self._specs = specs
        self._loader = loader

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else of ours edits these specs meanwhile; they are read anew first."""
        try:
            descriptor = os.open(self._specs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            text = f"cannot open {self._specs}: {exc.strerror}"
            raise Transient(text, reason="SpecsUnreadable") from exc
        try:
            _lock(descriptor, self._specs)
            self._loader.load()
            yield
        finally:
            os.close(descriptor)

    def documents(self, kind: str) -> dict[Ref, Json]:
        """All of a kind, as they are written."""
        pages = Pages(self._loader, self._specs.name)
        return {ref: pages.document(ref) for ref in sorted(self._loader.written(kind))}

    def document(self, ref: Ref) -> Json:
        """One resource as it is written; None when it is not."""
        return Pages(self._loader, self._specs.name).document(ref)

    def homes(self, kind: str) -> Mapping[Ref, str]:
        """The file each of a kind stands in, by its path in the spec folder."""
        start = f"{self._specs.name}/"
        written = self._loader.written(kind).items()
        return {ref: name.removeprefix(start) for ref, name in written}

    def propose(self, wish: Wish) -> Proposal:
        """Work an edit out and prove it. Raises InvalidEdit, or Terminal with ``NotEditable``."""
        if self._loader.tree.source == REMOTE:
            text = "the specs come from a repository elsewhere: edit them there"
            raise Terminal(text, reason="NotEditable")
        pages = Pages(self._loader, self._specs.name, f"{self._specs.name}/{wish.home}")
        changed = [ref for ref, said in wish.documents.items() if pages.change(ref, said)]
        files = pages.files()
        before = {name: pages.before(name) for name in files}
        trial = self._loader.trial(files)
        revision = self._loader.tree.revision
        made = Proposal(wish, tuple(changed), files, before, revision, trial)
        self._prove(made)
        return made

    def remarks(self, made: Proposal) -> list[Remark]:
        """What would be odd that is not now: a route that is never used. Takes a while."""
        known = set(self._loader.review(self._loader.last))
        return [one for one in self._loader.review(made.snapshot) if one not in known]

    def write(self, made: Proposal) -> None:
        """Write it, as a commit where commits are what counts. Raises ReconcileError."""
        if not made.files:
            return
        if self._loader.tree.source == "git":
            edit = Edit(made.files, made.wish.author, _message(made), made.revision)
            Committing(self._specs, self._loader.limits).commit(edit)
            return
        with Staging(self._specs.parent, self._loader.limits.file_bytes) as staging:
            for name, data in made.files.items():
                if staging.content(staging.place(name)) != made.before[name]:
                    text = f"{name} was edited in the meantime: look, and ask again"
                    raise Terminal(text, reason="Conflict")
                staging.add(name, data)
            staging.publish()

    def _prove(self, made: Proposal) -> None:
        """No problem that was not there before, and all that was edited counts."""
        known = Counter(map(_worth, self._loader.last.problems))
        new: list[Problem] = []
        for problem in made.snapshot.problems:
            known[_worth(problem)] -= 1
            ours = problem.path in made.snapshot.broken and str(problem.path) in made.files
            if ours or known[_worth(problem)] < 0:
                new.append(problem)
        if new:
            raise InvalidEdit(tuple(fault_of(one, self._data(made, one.path)) for one in new))

    def _data(self, made: Proposal, path: PurePath) -> bytes:
        name = str(path)
        known = self._loader.tree.files.get(name)
        return made.files.get(name) or (known.data if known else b"")


def _lock(descriptor: int, specs: Path) -> None:
    """Wait for whoever else edits, but not for ever: nobody reads the specs meanwhile."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                text = f"another program has {specs} locked: ask again when it is done"
                raise Transient(text, reason="Locked") from None
            time.sleep(BREATH)


def _worth(problem: Problem) -> tuple[str, ...]:
    """A problem, wherever in its file it stands now."""
    return str(problem.path), problem.message, problem.hint


def _lines(data: bytes | None) -> list[str]:
    return (data or b"").decode("utf-8", "replace").splitlines(keepends=True)


def _message(made: Proposal) -> str:
    names = [str(ref) for ref in made.changed]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"change {', '.join(names[:NAMED])}{more}\n\n{made.wish.why}".strip() + "\n"
