"""The one door by which git's words become ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ..core.errors import Terminal, Transient

NAMED: Final = 5
SIGNS: Final = tuple(
    (reason, re.compile(pattern, re.IGNORECASE))
    for reason, pattern in (
        ("TooLarge", r"died of signal 25|file too large|out of memory|cannot allocate memory"),
        ("TooLarge", r"mmap failed"),
        ("RemoteDamaged", r"remote: .*(corrupt|bad object|unable to read|missing blob|bad tree)"),
        ("RemoteDamaged", r"pack has bad object|invalid index-pack output|did not send all necess"),
        ("RemoteDamaged", r"pack is corrupted|pack signature mismatch|pack (is|has) (bad|junk)"),
        ("DiskFull", r"no space left on device|disk quota exceeded"),
        ("Forbidden", r"authentication failed|could not read (username|password)"),
        ("Forbidden", r"returned error: 40[137]|permission denied \(|access denied"),
        ("RemoteNotFound", r"repository '?.*'? not found|returned error: 404"),
        ("RemoteNotFound", r"does not appear to be a git repository|no such file or directory$"),
        ("Ownership", r"dubious ownership"),
        ("Locked", r"unable to create '.*\.lock'|could not lock|\.lock': file exists"),
        ("RemoteUnreachable", r"could not resolve|failed to connect|connection (refused|reset)"),
        ("RemoteUnreachable", r"timed out|returned error: [45]\d\d|early eof|unable to access"),
        ("RemoteUnreachable", r"could not read from remote|hung up|rpc failed|low speed"),
        ("Corrupt", r"corrupt|bad object|not a git repository|unable to read|missing blob"),
        ("Corrupt", r"not a valid object|invalid object|object file .* is empty|bad tree"),
    )
)

MENDING: Final = {
    "Forbidden": "; check auth and what its token may do",
    "RemoteNotFound": "; check url, and that the token may see it",
    "Ownership": "; the folder belongs to another user: give it to the one this runs as",
    "DiskFull": "; free some space",
    "TooLarge": "; it sends more than there is room for here",
    "RemoteDamaged": "; look at it with git fsck there",
}


def failure(verb: str, errors: str, about: str) -> Transient:
    """The one door by which git's words become ours."""
    reason = next((name for name, sign in SIGNS if sign.search(errors)), "GitFailed")
    return Transient(
        f"git {verb} of {about} failed: {essence(errors)}{MENDING.get(reason, '')}", reason=reason
    )


def refusal(url: str, said: str, errors: str) -> Transient:
    """A push that the remote's rules refused, in its words."""
    why = next((line for line in said.splitlines() if "[remote rejected]" in line), "")
    told = " / ".join(line.strip() for line in errors.splitlines() if line.startswith("remote:"))
    text = " ".join(f"{why.rpartition(chr(9))[2]} {told}".split())[:400]
    return Transient(f"{url} refused the push: {text}", reason="PushRefused")


def wrong_branch(url: str, branch: str, heads: Iterable[str]) -> Terminal:
    """A branch that is not there, where others are."""
    known = ", ".join(sorted(heads)[:NAMED])
    return Terminal(
        f"{url} has no branch {branch}, but {known}; set branch, or create it there",
        reason="WrongBranch",
    )


def essence(errors: str) -> str:
    """The telling lines of what git said, as one line."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    told = [
        line for line in lines if line.startswith(("fatal:", "error:", "remote:", "!"))
    ] or lines
    return " / ".join(told)[:400].rstrip(".") or "it said nothing"


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """Take secrets out of a text, by value and not by guess."""
    # One may begin another, whose rest would be left.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "(secret)")
    return text
