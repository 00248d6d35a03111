"""What the user writes for a Repository."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from ...core.model import Apply, Spec
from ...core.sealed import Sealed
from ...core.units import Duration

SCHEMES: Final = ("https", "http", "ssh", "file")
_unfit: Final = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/$|^/|\.lock(/|$)|(^|/)\.|\.$|^@$"
)
_scp_like: Final = re.compile(r"^[^/\s:]+@?[^/\s:]*:(?!//)")
_SHORTEST: Final = 1.0
_SHORTEST_LEASE: Final = 30.0


def _no_secret(value: object) -> object:
    if isinstance(value, Sealed):
        raise ValueError("a url must not hold a secret or credentials; put them under auth")  # noqa: TRY004 (pydantic)
    return value


def _check_url(url: str) -> str:
    if not url.strip() or url.startswith("-") or any(ord(mark) < 32 for mark in url):  # noqa: PLR2004
        raise ValueError("not a url; write https://host/path.git, ssh://host/path or a path")
    if "::" in url.split("/", 1)[0]:
        raise ValueError("a url of this form could run a command; write https, ssh or a path")
    if "://" not in url:
        return url
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"not a url scheme we speak; use one of {', '.join(SCHEMES)}")
    if parts.password or (parts.username and parts.scheme != "ssh"):
        raise ValueError("a url must not hold credentials; put them under auth")
    if (parts.hostname or "").startswith("-") or (parts.username or "").startswith("-"):
        raise ValueError("a host must not start with a dash")
    return url


def _check_remote(url: str) -> str:
    return _check_url(url) if url else url


def _check_branch(branch: str) -> str:
    if not branch or branch.startswith("-") or _unfit.search(branch):
        raise ValueError("not a branch name git accepts; write for example main")
    return branch


def _check_line(text: str) -> str:
    if not text.strip() or any(mark in text for mark in "<>\n\r\0"):
        raise ValueError("must be one line without < and >")
    return text


def _check_interval(seconds: float) -> float:
    if seconds < _SHORTEST:
        raise ValueError("shorter than a second; write for example 180s")
    return seconds


def _check_lease(seconds: float) -> float:
    if 0 < seconds < _SHORTEST_LEASE:
        raise ValueError("shorter than 30s: a slow push would lose it; 0s for none")
    return seconds


def is_path(url: str) -> bool:
    """Whether a url is a plain path on this machine."""
    return "://" not in url and not _scp_like.match(url)


Line = Annotated[str, AfterValidator(_check_line)]


class Auth(Spec):
    """Who to say we are, over http and https. The password never leaves a file of its own."""

    username: Line = "x-access-token"
    """User name; hosts that take tokens accept the default."""
    password: Sealed
    """Password or token: {from: {env: NAME}} or {from: {file: path}}."""


class Committer(Spec):
    """Who the commits are by."""

    name: Line = "reconciler"
    email: Line = "reconciler@localhost"


class Lease(Spec):
    """Who may write: one stack per branch, the others wait."""

    ttl: Annotated[Duration, AfterValidator(_check_lease)] = 600.0
    """How long after the last sign of life another may take over; 0s: everybody writes."""
    holder: Line | None = None
    """A name that this stack has again after it was started anew, on whatever machine."""


class RepositorySpec(Spec):
    """A git repository that keeps copies of data."""

    not_yet: ClassVar[tuple[str, ...]] = ()

    url: Annotated[str, BeforeValidator(_no_secret), AfterValidator(_check_remote), Apply.LIVE]
    """https, ssh or a path; never a password in it. Empty: there is none, so nothing is kept and
    what waits for a restore starts at once."""
    branch: Annotated[str, AfterValidator(_check_branch), Apply.LIVE] = "main"
    """The branch to write to. It must exist, unless the repository is empty."""
    auth: Annotated[Auth | None, Apply.LIVE] = None
    """Credentials for http and https."""
    committer: Annotated[Committer, Apply.LIVE] = Field(default_factory=Committer)
    """Author of the commits."""
    interval: Annotated[Duration, AfterValidator(_check_interval), Apply.LIVE] = 180.0
    """Time between two backups."""
    base: Annotated[str, AfterValidator(_check_url), Apply.LIVE] = "/"
    """The folder that paths of sync targets are relative to; itself relative to the spec root."""
    lease: Annotated[Lease, Apply.LIVE] = Field(default_factory=Lease)
    """A note on the remote by which a second stack that would write there becomes read-only."""
