"""Where the specs come from, when not from the folder beside: a repository elsewhere."""

from __future__ import annotations

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, StringConstraints, model_validator

from ...core.git_names import Auth, check_branch, check_url, is_path, no_secret
from ...core.model import Apply, Spec
from ...core.sealed import Sealed
from ...core.units import Duration

_SHORTEST: Final = 1.0
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_PATH: Final = re.compile(r"[^\x00-\x1f\x7f\\:]+")
_SIGNER: Final = re.compile(r"\S+ (\S+ )*?(ssh-|sk-|ecdsa-)\S+ [A-Za-z0-9+/=]+( .*)?")
_ARMOR: Final = "-----BEGIN PGP PUBLIC KEY BLOCK-----"


def _check_commit(text: str) -> str:
    if not _COMMIT.fullmatch(text):
        raise ValueError("not a whole commit id; write all 40 hexadecimal digits")
    return text


def _check_path(text: str) -> str:
    parts = text.rstrip("/").split("/")
    if not _PATH.fullmatch(text) or any(part in {"", "..", ".git"} for part in parts):
        raise ValueError("not a folder of a repository; write for example specs or deploy/specs")
    return "" if parts == ["."] else "/".join(part for part in parts if part != ".")


def _check_interval(seconds: float) -> float:
    if seconds < _SHORTEST:
        raise ValueError("shorter than a second; write for example 60s")
    return seconds


def _check_signer(text: str) -> str:
    if "\n" in text or not _SIGNER.fullmatch(text.strip()):
        raise ValueError("not a line of an allowed_signers file; write NAME ssh-ed25519 AAAA…")
    return text.strip()


def _check_key(text: str) -> str:
    if not text.strip().startswith(_ARMOR):
        raise ValueError("not an armored public key; write what gpg --armor --export prints")
    return text


Commit = Annotated[str, AfterValidator(_check_commit)]
Branch = Annotated[str, AfterValidator(check_branch)]


class Verify(Spec):
    """Whose signature each new commit must bear; of what is merged, the merge."""

    allowed_signers: tuple[Annotated[str, AfterValidator(_check_signer)], ...] = ()
    """Lines of an allowed_signers file: a name and an SSH public key."""
    gpg_keys: tuple[Annotated[str, AfterValidator(_check_key)], ...] = ()
    """Armored OpenPGP public keys."""

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not self.allowed_signers and not self.gpg_keys:
            raise ValueError("name at least one of allowedSigners and gpgKeys")
        return self


class Webhook(Spec):
    """A call by which the host tells of a push, so that nobody waits for the interval."""

    secret: Sealed
    """What the host signs its calls with: {from: {env: NAME}} or {from: {file: path}}."""


class Source(Spec):
    """A repository whose specs are followed. What else lies beside the Stack is not read."""

    url: Annotated[str, BeforeValidator(no_secret), AfterValidator(check_url), Apply.LIVE]
    """https, ssh or a path; never a password in it."""
    branch: Annotated[Branch | None, Apply.LIVE] = None
    """The branch to follow; main unless a tag or a commit is named."""
    tag: Annotated[Branch | None, Apply.LIVE] = None
    """A tag to stay at, or to follow where it moves forward."""
    commit: Annotated[Commit | None, Apply.LIVE] = None
    """A commit to stay at."""
    path: Annotated[
        str, StringConstraints(max_length=1024), AfterValidator(_check_path), Apply.LIVE
    ] = "specs"
    """The folder of the specs in the repository; `.` for all of it."""
    interval: Annotated[Duration, AfterValidator(_check_interval), Apply.LIVE] = 60.0
    """How often to ask for something new, give or take a tenth."""
    auth: Annotated[Auth | None, Apply.LIVE] = None
    """Credentials for http and https."""
    verify: Annotated[Verify | None, Apply.LIVE] = None
    """Only commits signed by one of these become current."""
    webhook: Annotated[Webhook | None, Apply.LIVE] = None
    """Be told of a push, at `/admin/api/v1/hook`."""

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if sum(one is not None for one in (self.branch, self.tag, self.commit)) > 1:
            raise ValueError("name one of branch, tag and commit")
        return self

    @property
    def ref(self) -> str:
        """What to ask the remote for: the full name of a ref, or a commit."""
        if self.commit:
            return self.commit
        return f"refs/tags/{self.tag}" if self.tag else f"refs/heads/{self.branch or 'main'}"

    def at(self, root: str) -> str:
        """The url, whole where it is a path beside the specs."""
        relative = is_path(self.url) and not self.url.startswith("/")
        return f"{root}/{self.url}" if relative else self.url
