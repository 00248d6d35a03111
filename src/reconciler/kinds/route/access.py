"""Who may use a route, as it is written."""

from __future__ import annotations

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ...core.model import Spec
from ...core.networks import ClientGroup
from ...core.sealed import Sealed

_USER: Final = re.compile(r"[^\x00-\x1f\x7f:]+")
_REALM: Final = re.compile(r'[^\x00-\x1f\x7f"\\]+')
# Of crypt(3), what is slow to guess: bcrypt, SHA-256, SHA-512, yescrypt. But a worker of the
# gateway does nothing else meanwhile, so none that takes more than some tenths of a second.
_HASH: Final = re.compile(
    r"\$(2[aby]\$(0[4-9]|1[0-2])\$|[56]\$(rounds=[0-9]{4,5}\$)?|y\$j[5-9AB]T\$)[./A-Za-z0-9$]{20,}"
)
_SHORTEST_TOKEN: Final = 16
_LONGEST: Final = 1024


def _user(name: str) -> str:
    if not _USER.fullmatch(name):
        raise ValueError("a user name is one line without a colon")
    return name


def _realm(text: str) -> str:
    if not _REALM.fullmatch(text):
        raise ValueError("one line without quotes")
    return text


def _hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError(
            "not a hash we check, or one that takes too long; make one with: htpasswd -nB NAME"
        )
    return text


def _password(password: Sealed) -> Sealed:
    if not 1 <= len(password.reveal().encode()) <= _LONGEST:
        raise ValueError(f"a password has 1 to {_LONGEST} bytes")
    return password


def _token(token: Sealed) -> Sealed:
    # They are hashed quickly, with every request: only a random one is safe that way.
    if not _SHORTEST_TOKEN <= len(token.reveal().encode()) <= _LONGEST:
        raise ValueError(
            f"a token has {_SHORTEST_TOKEN} to {_LONGEST} bytes; "
            "make one with: openssl rand -hex 32"
        )
    return token


Password = Annotated[Sealed, AfterValidator(_password)]
Token = Annotated[Sealed, AfterValidator(_token)]


class User(Spec):
    """Somebody with a password."""

    name: Annotated[str, StringConstraints(max_length=128), AfterValidator(_user)]
    password: Password | None = None
    """The password: ``{from: {env: NAME}}`` or ``{from: {file: PATH}}``."""
    hash: Annotated[str, StringConstraints(max_length=256), AfterValidator(_hash)] | None = None
    """Instead of it a hash, as ``htpasswd -nB`` writes it."""

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if (self.password is None) == (self.hash is None):
            raise ValueError("write either `password` or `hash`")
        return self


class Basic(Spec):
    """Ask for a name and a password, as browsers do."""

    users: Annotated[tuple[User, ...], Field(min_length=1, max_length=1000)]
    realm: Annotated[str, StringConstraints(max_length=128), AfterValidator(_realm)] = "restricted"
    """What the browser says it is for."""

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        names = [user.name for user in self.users]
        if len(set(names)) < len(names):
            raise ValueError("two users have the same name")
        return self


class Bearer(Spec):
    """Ask for one of some tokens: ``Authorization: Bearer …``."""

    tokens: Annotated[tuple[Token, ...], Field(min_length=1, max_length=100)]
    """Each ``{from: {env: NAME}}`` or ``{from: {file: PATH}}``."""


class Auth(Spec):
    """Who is let in."""

    basic: Basic | None = None
    bearer: Bearer | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.basic is None) == (self.bearer is None):
            raise ValueError("write either `basic` or `bearer`")
        return self


class Access(Spec):
    """Who may use a route. The narrowest range that a client is in decides."""

    allow: Annotated[tuple[ClientGroup, ...], Field(min_length=1, max_length=10_000)] = ()
    """These addresses may, and nobody else. Left out: everybody whom ``deny`` does not name."""
    deny: Annotated[tuple[ClientGroup, ...], Field(min_length=1, max_length=10_000)] = ()
    """These may not."""
    auth: Auth | None = None
    """And they must show who they are."""
