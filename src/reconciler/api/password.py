"""The one password of the API. There is no default: without a hash nobody logs in."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError

from ..clients.files import write_atomic
from ..core.errors import Terminal

VARIABLE: Final = "RECONCILER_ADMIN_PASSWORD_HASH"
SHORTEST: Final = 10
LONGEST: Final = 1024

# What OWASP calls enough, with the least memory of its choices: the operator is a small program.
HASHER: Final = PasswordHasher(time_cost=5, memory_cost=7 * 1024, parallelism=1)

MOST_MEMORY: Final = 64 * 1024
"""KiB a hash from elsewhere may want: the library's own choice, and no more."""

NOBODYS: Final = (
    "$argon2id$v=19$m=7168,t=5,p=1$B3p/gc1EQvoVRwKK"
    "/1ABBA$vYwaOo0kfkvAyUYWGzGEdXr+M+vuK1ncRgKwQZXENIE"
)
"""A hash to compare with where there is none, so that a refusal takes as long as any other."""


class Hash(NamedTuple):
    """A hash and where it comes from; an empty one lets nobody in, ``why`` says why."""

    text: str
    source: str
    why: str = ""

    @property
    def digest(self) -> str:
        """Names this password, so that a session of another one is none."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


class Password:
    """Where the password's hash is: the environment, a file it names, or the state directory."""

    def __init__(self, durable: Path, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.hash_file = durable / "admin.hash"
        self.note = durable / "admin.password"
        """The generated password, for a person to read once; nothing else reads it."""

    @property
    def told(self) -> str:
        """The variable that decides, empty when the state directory does."""
        return next((one for one in (VARIABLE, f"{VARIABLE}_FILE") if self._environ.get(one)), "")

    def current(self) -> Hash:
        """The hash that counts now."""
        if said := self._environ.get(VARIABLE):
            return _checked(said, VARIABLE)
        told = self._environ.get(f"{VARIABLE}_FILE")
        path = Path(told) if told else self.hash_file
        try:
            return _checked(path.read_text(encoding="ascii"), str(path))
        except (OSError, UnicodeError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else "it is no hash"
            return Hash("", str(path), f"cannot read {path}: {why}")

    def ensure(self) -> Path | None:
        """Generate a password where none was ever set; returns the file to read it from."""
        if self.told or self.hash_file.exists():
            return None
        made = secrets.token_urlsafe(18)
        # The note first: a hash whose password nobody knows would lock everybody out.
        write_atomic(self.note, f"{made}\n".encode())
        write_atomic(self.hash_file, f"{HASHER.hash(made)}\n".encode())
        return self.note

    def change(self, said: str) -> None:
        """Make ``said`` the password. Raises Terminal when it is too short or set elsewhere."""
        if self.told:
            text = f"the password is set by {self.told}: change it there"
            raise Terminal(text, reason="PasswordSetElsewhere")
        write_atomic(self.hash_file, f"{hashed(said)}\n".encode())
        with suppress(FileNotFoundError):
            self.note.unlink()

    def is_right(self, said: str) -> Hash | None:
        """The hash that ``said`` fits, None when it fits none. Slow on purpose: use a thread."""
        known = self.current()
        try:
            HASHER.verify(known.text or NOBODYS, said)
        except (Argon2Error, InvalidHashError):
            return None
        # An empty password never is one, whoever hashed it.
        return known if known.text and said else None


def hashed(said: str) -> str:
    """The hash of a new password. Raises Terminal when it is too short or too long."""
    if not SHORTEST <= len(said) <= LONGEST:
        text = f"a password has {SHORTEST} to {LONGEST} characters, this one {len(said)}"
        raise Terminal(text, reason="PasswordUnfit")
    return HASHER.hash(said)


def _checked(text: str, source: str) -> Hash:
    try:
        costs = extract_parameters(text.strip())
    except InvalidHashError:
        return Hash("", source, f"{source} holds no argon2 hash; `reconciler password hash` does")
    if costs.memory_cost > MOST_MEMORY:
        return Hash("", source, f"{source} wants more than {MOST_MEMORY // 1024} MiB to be checked")
    return Hash(text.strip(), source)
