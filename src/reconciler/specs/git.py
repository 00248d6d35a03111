"""The git program, asked read-only questions about one work tree."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ..core.errors import Transient

PATIENCE: Final = 60.0
_TRUSTING: Final = "git config --global --add safe.directory"
# Git's own words: it wants the root of the repository, and quotes it for a shell.
_TRUST: Final = re.compile(rf"^\s*({re.escape(_TRUSTING)} .+)$", re.MULTILINE)
_UNFINISHED: Final = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "BISECT_LOG": "bisect",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}


class NoCommit(Exception):  # noqa: N818 - an answer, not a failure
    """There is no repository here, or nothing was committed to it yet."""


class Repository(NamedTuple):
    """Where git keeps what."""

    top: Path
    own: Path
    """The folder of this work tree: HEAD, its log, an unfinished merge."""
    common: Path
    """The folder all work trees share: refs and objects."""


class Git:
    """The one door to the git program; without locks, but for what ``environ`` is given for."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._more = environ or {}

    def beside(self, environ: Mapping[str, str]) -> Git:
        """The same, with more in its environment: another index, who commits."""
        return Git(self._folder, {**self._more, **environ})

    def run(self, *words: str, data: bytes | None = None) -> bytes:
        """What git prints. Raises Transient with git's own words."""
        done = self.attempt(*words, data=data)
        if done.returncode:
            raise self.failure(done)
        return done.stdout

    def attempt(self, *words: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """What became of a git command, whatever it was."""
        options = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
        try:
            return subprocess.run(
                ["git", *options, *words],
                cwd=self._folder,
                env={**_environment(), **self._more},
                input=data,
                stdin=None if data is not None else subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            message = f"git did not answer within {PATIENCE:.0f} s in {self._folder}"
            raise Transient(message, reason="GitTimeout") from exc
        except OSError as exc:
            message = f"git cannot be started in {self._folder}: {exc.strerror}; is it installed"
            raise Transient(message, reason="GitMissing") from exc

    def failure(self, done: subprocess.CompletedProcess[bytes]) -> Transient:
        """Git's refusal, with a way out where there is one."""
        said = done.stderr.decode("utf-8", "replace").strip()
        if "dubious ownership" in said:
            fix = next(iter(_TRUST.findall(said)), f"{_TRUSTING} {self._folder}")
            message = f"{self._folder} belongs to somebody else; run: {fix}"
            return Transient(message, reason="DubiousOwnership")
        first = next(iter(said.splitlines()), f"git ended with {done.returncode}")
        return Transient(f"git cannot read {self._folder}: {first}", reason="GitUnreadable")


def _environment() -> dict[str, str]:
    """Ours, without what would point git elsewhere (as inside a hook), and speaking English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    fixed = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    return {**kept, **fixed, "GIT_NO_LAZY_FETCH": "1"}


def open_repository(place: Path) -> tuple[Git, Repository]:
    """The repository that ``place`` lies in, be it there or not. Raises NoCommit or Transient."""
    folder = place.resolve()
    while not folder.is_dir():
        folder = folder.parent
    git = Git(folder)
    words = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
    done = git.attempt("rev-parse", *words)
    if done.returncode:
        if b"not a git repository" in done.stderr and not _has_git(folder):
            raise NoCommit
        raise git.failure(done)
    top, own, common = (Path(os.fsdecode(line)) for line in done.stdout.splitlines())
    return git, Repository(top, own, (folder / common).resolve())


def is_unborn(git: Git, repository: Repository) -> bool:
    """Whether HEAD names a branch that was never committed to; a damaged one is there."""
    branch = git.attempt("symbolic-ref", "--quiet", "HEAD")
    name = os.fsdecode(branch.stdout).strip()
    if branch.returncode or not name or (repository.common / name).exists():
        return False
    known = git.attempt("for-each-ref", "--count=1", name)
    return not known.returncode and not known.stdout and not known.stderr


def steady(repository: Repository) -> tuple[str, ...]:
    """What names the last finished commit; during a rebase or bisect HEAD is on its way."""
    for place in ("rebase-merge/orig-head", "rebase-apply/orig-head", "BISECT_START"):
        try:
            said = (repository.own / place).read_text().strip()
        except OSError:
            continue
        if said and not said.startswith("-"):
            return (f"refs/heads/{said}", said)
    return ("HEAD",)


def unfinished(repository: Repository) -> str | None:
    """What somebody has begun here and not ended: a merge, a rebase."""
    for name, what in _UNFINISHED.items():
        if (repository.own / name).exists():
            return what
    return None


def _has_git(folder: Path) -> bool:
    """Whether something called ``.git`` is where git would have looked for it."""
    device = folder.stat().st_dev
    for place in (folder, *folder.parents):
        if place.stat().st_dev != device:
            return False
        if (place / ".git").exists() or (place / ".git").is_symlink():
            return True
    return False
