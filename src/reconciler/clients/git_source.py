"""A repository of which only the newest commit is asked for, and whether to trust it."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ..core.errors import Terminal, Transient
from .git import LONG, Credential, Git, Terms
from .git_errors import essence, failure
from .git_refs import read_ref, write_refs

SEEN: Final = "refs/reconciler/seen"
CURRENT: Final = "refs/reconciler/current"
"""The newest commit that was found good; what is wanted is read from it."""


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
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
        terms = Terms(deadline=LONG, credential=self._credential, about=where.url)
        words = ("fetch", *options, "--end-of-options", where.url, wanted)
        done = await self._git.attempt(self.path, *words, terms=terms)
        if done.code:
            raise _refusal(where, done.errors)
        found = await self._git.run(self.path, "rev-parse", "--verify", f"{SEEN}^{{commit}}")
        return found.decode("ascii", "replace").strip()

    async def follows(self, before: str, after: str) -> bool:
        """Whether ``after`` was made from ``before``."""
        words = ("merge-base", "--is-ancestor", before, after)
        return (await self._git.attempt(self.path, *words)).code == 0

    async def verify(self, commit: str, signers: Sequence[str], keys: Sequence[str]) -> None:
        """Raises Terminal with ``Unsigned`` unless one of these has signed the commit."""
        said = []
        if signers:
            said.append(await self._check(commit, {"allowed_signers": "\n".join(signers) + "\n"}))
        if keys:
            said.append(await self._check(commit, {"keys": "\n".join(keys) + "\n"}))
        if None not in said:
            why = " / ".join(one for one in said if one)[:300] or "it bears no signature"
            text = f"commit {commit[:12]} is not signed by anybody allowed: {why}"
            raise Terminal(text, reason="Unsigned")

    async def _check(self, commit: str, files: dict[str, str]) -> str | None:
        """What git says against a signature; None when it is good."""
        place = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="rc-", dir="/tmp"))  # noqa: S108 (0700, and short: agents of gpg listen in it)
        try:
            for name, text in files.items():
                (place / name).write_text(text)
            settings = [f"gpg.ssh.allowedSignersFile={place / 'allowed_signers'}"]
            if "keys" in files:
                await self._import(place)
                settings = ["gpg.minTrustLevel=undefined"]
            own = {"GNUPGHOME": str(place)}
            words = [word for one in settings for word in ("-c", one)]
            terms = Terms(environ=own)
            kind = await self._git.run(self.path, "cat-file", "commit", commit)
            if (b"-----BEGIN SSH SIGNATURE" in kind) is not ("allowed_signers" in files):
                return ""
            done = await self._git.attempt(
                self.path, *words, "verify-commit", "--raw", commit, terms=terms
            )
            return None if done.code == 0 else essence(done.errors)
        finally:
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)

    async def _import(self, place: Path) -> None:
        words = ("gpg", "--batch", "--quiet", "--no-autostart", "--import", str(place / "keys"))
        kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                env={**kept, "GNUPGHOME": str(place), "LC_ALL": "C"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as exc:
            text = f"gpg cannot be started: {exc.strerror}; install it, or use SSH signatures"
            raise Transient(text, reason="Missing") from exc
        _, errors = await process.communicate()
        if process.returncode:
            text = f"gpgKeys cannot be read: {essence(errors.decode('utf-8', 'replace'))}"
            raise Terminal(text, reason="BadKeys")

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
