"""Who may use a route, as the gateway checks it: secrets are there as hashes only.

Passwords are stretched (PBKDF2), because people choose them; tokens are random, and hashed once.
The salt follows from the keyed digest of the secret, so the same secret gives the same rule, and
two stacks, or two users with one password, have nothing in common.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

from ...core.model import State
from ...core.sealed import Sealed
from .access import Access, Auth, User

ROUNDS: Final = 20_000


class KnownUser(State):
    """A user and the hash of the password: ours, or one of crypt(3)."""

    name: str
    salt: str | None = None
    hash: Sealed | None = None
    crypt: Sealed | None = None


class KnownToken(State):
    """The hash of a token."""

    salt: str
    hash: Sealed


class Guard(State):
    """What is asked of a client."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    realm: str | None = None
    rounds: int | None = None
    users: tuple[KnownUser, ...] | None = None
    tokens: tuple[KnownToken, ...] | None = None


def guard_of(access: Access | None) -> Guard | None:
    """What the gateway is told of this."""
    if access is None:
        return None
    ranges = Guard(allow=access.allow, deny=access.deny)
    return ranges if access.auth is None else _asking(ranges, access.auth)


def _asking(ranges: Guard, auth: Auth) -> Guard:
    if auth.basic is not None:
        users = tuple(map(_known, auth.basic.users))
        update = {"realm": auth.basic.realm, "rounds": ROUNDS, "users": users}
    else:
        tokens = auth.bearer.tokens if auth.bearer else ()
        update = {"tokens": tuple(map(_remembered, tokens))}
    return ranges.model_copy(update=update)


def _known(user: User) -> KnownUser:
    if user.password is None:
        return KnownUser(name=user.name, crypt=Sealed(user.hash or ""))
    salt = _salt("password", user.name, user.password)
    return KnownUser(name=user.name, salt=salt, hash=_stretched(user.password, salt))


def _remembered(token: Sealed) -> KnownToken:
    salt = _salt("token", "", token)
    digest = hashlib.sha256(f"{salt}{token.reveal()}".encode()).hexdigest()
    return KnownToken(salt=salt, hash=Sealed(digest))


def _salt(what: str, name: str, secret: Sealed) -> str:
    return hashlib.sha256(f"{what}\0{name}\0{secret.digest}".encode()).hexdigest()[:32]


# Every look at the specs renders every route; a secret is stretched once.
@lru_cache(maxsize=4096)
def _stretched(password: Sealed, salt: str) -> Sealed:
    stretched = hashlib.pbkdf2_hmac("sha256", password.reveal().encode(), salt.encode(), ROUNDS)
    return Sealed(stretched.hex())
