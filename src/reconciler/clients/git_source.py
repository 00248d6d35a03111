"""A repository of which only the newest commit is asked for, and whether to trust it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, NamedTuple

from ..core.errors import Transient
from .git import Credential, Git, Terms
from .git_errors import failure
from .git_refs import read_ref, write_refs
from .git_signed import MOST, Allowed, demand_signed
from .git_sweep import drop_leftovers
from .git_transfer import FETCH, PUSH, demand_pushed, room
from .git_undo import Undo, make_undo

SEEN: Final = "refs/reconciler/seen"
CURRENT: Final = "refs/reconciler/current"
"""The newest commit that was found good; what is wanted is read from it."""
LARGEST: Final = 2 << 30
"""Bytes of the largest file that a fetch may write, where the disk has room for that."""
FETCHING: Final = 600.0
"""Seconds for a fetch; one that says nothing for long ends sooner."""
PUSHING: Final = 120.0
"""Seconds for a push: it is one commit and a few files."""


class Where(NamedTuple):
    """What is asked of whom. ``ref`` is a full name, or a commit."""

    url: str
    ref: str
    username: str = ""
    password: str | None = None


class SourceFolder:
    """A bare git folder of ours that holds what was fetched. Nothing in it is ever run."""

    def __init__(self, folder: Path, git: Git) -> None:
        self.path = folder / "source.git"
        self._git = git
        self._secret = folder / "source.credential"

    def environ(self) -> dict[str, str]:
        """How git is closed off here: no configuration, hook or helper but ours."""
        closed = self._git.environ(self.path, Terms())
        # Who reads trees says of each path how it is meant.
        return {name: value for name, value in closed.items() if name != "GIT_LITERAL_PATHSPECS"}

    def current(self) -> str | None:
        """The commit that was found good last; None before the first."""
        return read_ref(self.path, CURRENT)

    def accept(self, commit: str) -> None:
        """From now on this commit is the newest good one; on the disk when this returns."""
        write_refs(self.path, [CURRENT], commit)

    async def fetch(self, where: Where) -> str:
        """Bring here what the remote has now; the commit.

        Raises Transient, and then nothing is known: least of all that the remote is empty.
        """
        await self._prepare(where)
        wanted = f"+{where.ref}:{SEEN}"
        terms = Terms(
            deadline=FETCHING,
            credential=self._credential,
            about=where.url,
            most=min(room(self.path), LARGEST),
        )
        words = ("fetch", *FETCH, "--end-of-options", where.url, wanted)
        try:
            done = await self._git.attempt(self.path, *words, terms=terms)
            if done.code:
                raise _refusal(where, done.errors)
        except Transient:
            # Tried again and again, what each try leaves would fill the disk.
            await asyncio.to_thread(drop_leftovers, self.path)
            raise
        found = await self._git.run(self.path, "rev-parse", "--verify", f"{SEEN}^{{commit}}")
        return found.decode("ascii", "replace").strip()

    async def follows(self, before: str, after: str) -> bool:
        """Whether ``after`` was made from ``before``."""
        words = ("merge-base", "--is-ancestor", before, after)
        return (await self._git.attempt(self.path, *words)).code == 0

    async def verify(self, commit: str, allowed: Allowed, *, since: str | None = None) -> None:
        """Raises Terminal with ``Unsigned`` unless one of these has signed the commit.

        With ``since``, also each one on the way from there: who merges vouches for what is merged.
        """
        commits = [commit]
        if since is not None:
            words = ("rev-list", "--first-parent", f"--max-count={MOST + 1}", commit, f"^{since}")
            commits = (await self._git.run(self.path, *words)).decode("ascii").split()
        await demand_signed(self._git, self.path, commits, allowed)

    async def demand_small(self, commit: str, path: str) -> None:
        """Raises Transient with ``TooLarge`` when there are more names than anybody can mean.

        A small pack can hold a tree of any size, for a folder may stand in many places.
        """
        place = ("--", path) if path else ()
        words = ("ls-tree", "-r", "-z", "--full-tree", commit, *place)
        try:
            await self._git.run(self.path, *words, terms=Terms(about=path or "the repository"))
        except Transient as exc:
            if exc.reason != "TooLarge":
                raise
            text = f"{path or 'the repository'} holds more files than anybody can mean: {exc}"
            raise Transient(text, reason="TooLarge") from exc

    async def undo(self, undo: Undo) -> str | None:
        """A commit that takes something back; None when it would change nothing."""
        return await make_undo(self._git, self.path, undo, self.path / "undo.index")

    async def push(self, where: Where, commit: str, *, onto: str) -> None:
        """Put a commit on top of what the branch has. Never forced: raises Moved instead.

        Who finds it there already, from before a crash, is content.
        """
        await self._prepare(where)
        # With a lease it is also refused when the branch was rewound: then it would bring back
        # what somebody took away.
        how = f"--force-with-lease={where.ref}:{onto}"
        terms = Terms(deadline=PUSHING, credential=self._credential, about=where.url)
        done = await self._git.attempt(
            self.path, "push", how, *PUSH, where.url, f"{commit}:{where.ref}", terms=terms
        )
        demand_pushed(where.url, done)

    async def _prepare(self, where: Where) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.path / "HEAD").exists():
            await self._git.run(self.path, "init", "--quiet", "--bare", "--initial-branch=none")
        keep = Credential(self._secret).keep
        await asyncio.to_thread(keep, where.username, where.password, "the source")

    @property
    def _credential(self) -> Credential | None:
        return Credential(self._secret) if self._secret.exists() else None


def _refusal(where: Where, errors: str) -> Transient:
    said = errors.lower()
    if "couldn't find remote ref" in said or "not our ref" in said:
        name = where.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        text = f"{where.url} has no {name} any more, or never had; what was current stays"
        return Transient(text, reason="RefMissing")
    return failure("fetch", errors, where.url)
