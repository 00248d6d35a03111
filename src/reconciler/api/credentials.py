"""Who may use the API: tokens and sessions, kept as digests in one file of the owner's."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..clients.files import make_private, write_atomic
from ..core.errors import Terminal

MARK: Final = "rct_"
"""What every token begins with, so that a scanner of secrets knows one when it sees it."""

SESSIONS: Final = 50
"""Sessions at a time; the oldest goes when another one comes."""


class Scope(StrEnum):
    """What a caller may do; each holds the ones before it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def allows(self, wanted: Scope) -> bool:
        """Whether this scope is enough."""
        ranks = list(Scope)
        return ranks.index(self) >= ranks.index(wanted)


class Credential(NamedTuple):
    """One token or session at rest. ``password`` names the password a session was opened with."""

    name: str
    scope: Scope
    digest: str
    created: float
    expires: float | None = None
    password: str = ""

    @property
    def is_session(self) -> bool:
        return bool(self.password)

    def is_good(self, now: float) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


class Credentials:
    """The file of tokens and sessions. Others may write it too: it is read anew when it changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, ...] = ()
        self._known: dict[str, Credential] = {}

    def find(self, secret: str, now: float) -> Credential | None:
        """What ``secret`` stands for, None for nothing or nothing any more."""
        # A dictionary of digests: how long the look takes tells nothing of any secret.
        found = self._fresh().get(digest_of(secret)) if secret else None
        return found if found is not None and found.is_good(now) else None

    def listed(self) -> list[Credential]:
        """All there are, by name."""
        return sorted(self._fresh().values())

    def create(self, credential: Credential) -> str:
        """Keep a new one, ``digest`` aside; returns its secret, which is nowhere afterwards.

        Raises ValueError when a token of that name exists.
        """
        secret = MARK + secrets.token_urlsafe(32)
        made = credential._replace(digest=digest_of(secret))

        def add(kept: Sequence[Credential]) -> list[Credential]:
            if any(one.name == made.name for one in kept):
                raise ValueError(f"there is a token {made.name!r} already; revoke it first")
            sessions = sorted((o for o in kept if o.is_session), key=lambda one: one.created)
            crowded = sessions[: max(0, len(sessions) - SESSIONS + 1)] if made.is_session else []
            good = [one for one in kept if one not in crowded and _is_worth(one, made.created)]
            return [*good, made]

        self._change(add)
        return secret

    def revoke(self, wanted: Callable[[Credential], bool]) -> list[Credential]:
        """Forget all that are ``wanted`` gone; returns them."""
        gone: list[Credential] = []

        def drop(kept: Sequence[Credential]) -> list[Credential]:
            gone.extend(one for one in kept if wanted(one))
            return [one for one in kept if one not in gone]

        self._change(drop)
        return gone

    def _fresh(self) -> dict[str, Credential]:
        try:
            told = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._known = (), {}
            return self._known
        except OSError as exc:
            raise _unreadable(self._path, exc) from exc
        stamp = (told.st_ino, told.st_mtime_ns, told.st_size)
        if stamp != self._stamp:
            self._known = {one.digest: one for one in read_credentials(self._path)}
            self._stamp = stamp
        return self._known

    def _change(self, edit: Callable[[Sequence[Credential]], list[Credential]]) -> None:
        with _alone(self._path):
            kept = read_credentials(self._path) if self._path.exists() else []
            entries = [one._asdict() for one in edit(kept)]
            write_atomic(self._path, json.dumps({"version": 1, "tokens": entries}).encode())


def digest_of(secret: str) -> str:
    """What is kept of a secret; its 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def read_credentials(path: Path) -> list[Credential]:
    """What the file holds. Raises Terminal when that cannot be known: nobody is let in then."""
    try:
        held: Any = json.loads(path.read_bytes())
        return [Credential(**{**one, "scope": Scope(one["scope"])}) for one in held["tokens"]]
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise _unreadable(path, exc) from exc


def _unreadable(path: Path, exc: Exception) -> Terminal:
    why = str(exc.strerror).lower() if isinstance(exc, OSError) else "it is damaged"
    mend = "move it aside and create the tokens anew"
    if isinstance(exc, PermissionError):  # what another user keeps there is whole
        mend = "only the user who runs the stack may, and it must be that user's (0600)"
    return Terminal(f"cannot read {path}: {why}; {mend}", reason="TokensUnreadable")


def _is_worth(credential: Credential, now: float) -> bool:
    """Whether to keep it: an expired token is still shown as such, a session is not."""
    return credential.is_good(now) or not credential.is_session


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One writer at a time, among the operator and the command line."""
    make_private(path.parent)
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
