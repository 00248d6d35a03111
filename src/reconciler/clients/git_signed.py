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
from .child import end, start
from .git import Git, Terms
from .git_errors import essence

SSH: Final = b"-----BEGIN SSH SIGNATURE"
SIGNERS: Final = "allowed_signers"
KEYS: Final = "keys"
AT_ONCE: Final = 50
"""So many commits are asked about in one command."""
MOST: Final = 1000
"""So many commits are asked about before one of them is taken over; each costs a process."""


class Allowed(NamedTuple):
    """Who may sign: lines of an allowed_signers file, and armored OpenPGP keys."""

    signers: Sequence[str] = ()
    keys: Sequence[str] = ()


class Rule(NamedTuple):
    """Those who may sign in one of the two ways, and the file it looks for them in."""

    name: str
    lines: Sequence[str]


async def demand_signed(git: Git, folder: Path, commits: Sequence[str], allowed: Allowed) -> None:
    """Raises Terminal with ``Unsigned`` unless each of the commits is signed by one of these."""
    if len(commits) > MOST:
        text = (
            f"{len(commits)} commits came at once, and at most {MOST} signatures are looked at;"
            " `reconciler reconcile --accept` takes over the newest, if that one is signed"
        )
        raise Terminal(text, reason="Unsigned")
    by_ssh: list[str] = []
    others: list[str] = []
    for one in commits:
        (by_ssh if await _is_by_ssh(git, folder, one) else others).append(one)
    ssh, gpg = Rule(SIGNERS, allowed.signers), Rule(KEYS, allowed.keys)
    for rule, own in ((ssh, by_ssh), (gpg, others)):
        for at in range(0, len(own), AT_ONCE):
            await _demand(git, folder, own[at : at + AT_ONCE], rule)


async def _is_by_ssh(git: Git, folder: Path, commit: str) -> bool:
    return SSH in await git.run(folder, "cat-file", "commit", commit)


async def _demand(git: Git, folder: Path, commits: list[str], rule: Rule) -> None:
    """Ask about all of them at once, and about each only where that is not well."""
    if not "\n".join(rule.lines).strip():
        raise _unsigned(commits[0], "")
    if await _check(git, folder, commits, rule) is None:
        return
    for one in commits:
        if (why := await _check(git, folder, [one], rule)) is not None:
            raise _unsigned(one, why)


def _unsigned(commit: str, why: str) -> Terminal:
    said = why[:300] or "it bears no signature of theirs"
    text = f"commit {commit[:12]} is not signed by anybody allowed: {said}"
    return Terminal(text, reason="Unsigned")


async def _check(git: Git, folder: Path, commits: list[str], rule: Rule) -> str | None:
    """What git says against signatures; None when all are good."""
    place = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="rc-", dir="/tmp"))  # noqa: S108 (0700, and short: agents of gpg listen in it)
    try:
        (place / rule.name).write_text("\n".join(rule.lines) + "\n")
        setting = f"gpg.ssh.allowedSignersFile={place / SIGNERS}"
        if rule.name == KEYS:
            await _import(place)
            setting = "gpg.minTrustLevel=undefined"
        words = ("-c", setting, "verify-commit", "--raw", *commits)
        done = await git.attempt(folder, *words, terms=Terms(environ={"GNUPGHOME": str(place)}))
        return None if done.code == 0 else essence(done.errors)
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


async def _import(place: Path) -> None:
    words = ("gpg", "--batch", "--quiet", "--no-autostart", "--import", str(place / KEYS))
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    try:
        process = await start(
            *words,
            env={**kept, "GNUPGHOME": str(place), "LC_ALL": "C"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
    except OSError as exc:
        text = f"gpg cannot be started: {exc.strerror}; install it, or use SSH signatures"
        raise Transient(text, reason="Missing") from exc
    try:
        _, errors = await process.communicate()
    finally:
        await end(process)
    if process.returncode:
        text = f"gpgKeys cannot be read: {essence(errors.decode('utf-8', 'replace'))}"
        raise Terminal(text, reason="BadKeys")
