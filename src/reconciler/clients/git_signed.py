"""Whose signature commits bear."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ..core.errors import Terminal, Transient
from .git import Git, Terms
from .git_errors import essence

SSH: Final = b"-----BEGIN SSH SIGNATURE"
AT_ONCE: Final = 50
"""So many commits are asked about in one command."""
MOST: Final = 1000
"""So many commits are asked about before one of them is taken over; each costs a process."""


class Allowed(NamedTuple):
    """Who may sign: lines of an allowed_signers file, and armored OpenPGP keys."""

    signers: Sequence[str] = ()
    keys: Sequence[str] = ()


async def demand_signed(git: Git, folder: Path, commits: Sequence[str], allowed: Allowed) -> None:
    """Raises Terminal with ``Unsigned`` unless each of the commits is signed by one of these."""
    if len(commits) > MOST:
        text = (
            f"{len(commits)} commits came at once, and at most {MOST} signatures are looked at;"
            " `reconciler reconcile --accept` takes over the newest, if that one is signed"
        )
        raise Terminal(text, reason="Unsigned")
    by_ssh = [one for one in commits if await _is_by_ssh(git, folder, one)]
    others = [one for one in commits if one not in {*by_ssh}]
    for kind, own in (("allowed_signers", by_ssh), ("keys", others)):
        lines = allowed.signers if kind == "allowed_signers" else allowed.keys
        for at in range(0, len(own), AT_ONCE):
            await _demand(git, folder, own[at : at + AT_ONCE], {kind: "\n".join(lines) + "\n"})


async def _is_by_ssh(git: Git, folder: Path, commit: str) -> bool:
    return SSH in await git.run(folder, "cat-file", "commit", commit)


async def _demand(git: Git, folder: Path, commits: list[str], files: dict[str, str]) -> None:
    """Ask about all of them at once, and about each only where that is not well."""
    (lines,) = files.values()
    if not lines.strip():
        raise _unsigned(commits[0], "")
    if await _check(git, folder, commits, files) is None:
        return
    for one in commits:
        if (why := await _check(git, folder, [one], files)) is not None:
            raise _unsigned(one, why)


def _unsigned(commit: str, why: str) -> Terminal:
    said = why[:300] or "it bears no signature of theirs"
    text = f"commit {commit[:12]} is not signed by anybody allowed: {said}"
    return Terminal(text, reason="Unsigned")


async def _check(git: Git, folder: Path, commits: list[str], files: dict[str, str]) -> str | None:
    """What git says against signatures; None when all are good."""
    place = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="rc-", dir="/tmp"))  # noqa: S108 (0700, and short: agents of gpg listen in it)
    try:
        for name, text in files.items():
            (place / name).write_text(text)
        settings = [f"gpg.ssh.allowedSignersFile={place / 'allowed_signers'}"]
        if "keys" in files:
            await _import(place)
            settings = ["gpg.minTrustLevel=undefined"]
        words = [word for one in settings for word in ("-c", one)]
        terms = Terms(environ={"GNUPGHOME": str(place)})
        done = await git.attempt(folder, *words, "verify-commit", "--raw", *commits, terms=terms)
        return None if done.code == 0 else essence(done.errors)
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


async def _import(place: Path) -> None:
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
