"""A git remote as people name it: its url, its branches, who to say we are."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator

from .model import Spec
from .sealed import Sealed

SCHEMES: Final = ("https", "http", "ssh", "file")
_unfit: Final = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/$|^/|\.lock(/|$)|(^|/)\.|\.$|^@$"
)
_scp_like: Final = re.compile(r"^[^/\s:]+@?[^/\s:]*:(?!//)")


def no_secret(value: object) -> object:
    """A url may not be read from a secret."""
    if isinstance(value, Sealed):
        raise ValueError("a url must not hold a secret or credentials; put them under auth")  # noqa: TRY004 (pydantic)
    return value


def check_url(url: str) -> str:
    """A url or path that git may be given."""
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


def check_branch(branch: str) -> str:
    """The name of a branch or tag."""
    if not branch or branch.startswith("-") or _unfit.search(branch):
        raise ValueError("not a branch name git accepts; write for example main")
    return branch


def check_line(text: str) -> str:
    """One line that can stand in a commit."""
    if not text.strip() or any(mark in text for mark in "<>\n\r\0"):
        raise ValueError("must be one line without < and >")
    return text


def is_path(url: str) -> bool:
    """Whether a url is a plain path on this machine."""
    return "://" not in url and not _scp_like.match(url)


Line = Annotated[str, AfterValidator(check_line)]


class Auth(Spec):
    """Who to say we are, over http and https. The password never leaves a file of its own."""

    username: Line = "x-access-token"
    """User name; hosts that take tokens accept the default."""
    password: Sealed
    """Password or token: {from: {env: NAME}} or {from: {file: path}}."""
