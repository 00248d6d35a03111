"""`reconciler token` and `reconciler password`: who may use the HTTP API."""

from __future__ import annotations

import getpass
import re
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from ..api.credentials import Credential, Credentials, Scope
from ..api.password import Password, hashed
from ..core.lines import Line, Span, Style, grid, line
from ..settings import Settings
from .ages import ago, local
from .checks import Finding, Grade
from .names import did_you_mean
from .outcome import Exit, Failure
from .terminal import Terminal, structured
from .waiting import lasts

NAME: Final = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]{0,62}")
SESSIONS: Final = "sessions"
"""What stands for everybody who logged in; no token may be called so."""


def credentials_of(settings: Settings) -> Credentials:
    """The tokens of a stack; they count at once, whether it runs or not."""
    return Credentials(settings.durable / "admin.tokens")


def create(
    settings: Settings, terminal: Terminal, name: str, *, scope: str, expires: str | None = None
) -> int:
    """Make a token; it is the only thing on stdout."""
    if not NAME.fullmatch(name) or name == SESSIONS:
        text = "letters, digits and -_. make a name, at most 63 of them"
        raise Failure(f"{name!r} is no name for a token", hint=text)
    now = time.time()
    until = now + lasts(expires, "--expires") if expires is not None else None
    try:
        secret = credentials_of(settings).create(Credential(name, Scope(scope), "", now, until))
    except ValueError as error:
        raise Failure(str(error)) from error
    ends = f" until {local(_stamp(until))}" if until else ""
    terminal.talk(line(f"{name} may {scope}{ends}; this is the token, it is shown only now:"))
    terminal.write(f"{secret}\n")
    return Exit.OK


def show(settings: Settings, terminal: Terminal, *, output: str = "text") -> int:
    """List the tokens and how many have logged in."""
    found = credentials_of(settings).listed()
    tokens = [one for one in found if not one.is_session]
    sessions = sum(one.is_session and one.is_good(time.time()) for one in found)
    if output != "text":
        items = [_told(one) for one in tokens]
        terminal.write(structured({"items": items, "sessions": sessions}, output))
    elif tokens:
        terminal.show(_rows(tokens, width=terminal.width))
    else:
        terminal.hint("there are no tokens; `reconciler token create NAME --scope read` makes one")
    return Exit.OK


def revoke(settings: Settings, terminal: Terminal, name: str) -> int:
    """End a token, or every session."""
    kept = credentials_of(settings)
    every = name == SESSIONS
    gone = kept.revoke(lambda one: one.is_session if every else one.name == name)
    if every:
        terminal.talk(line(f"{len(gone)} session{'s' * (len(gone) != 1)} ended"))
    elif gone:
        terminal.talk(line(f"{name} is no token any more"))
    else:
        names = [one.name for one in kept.listed() if not one.is_session]
        hint = did_you_mean(name, names, "`reconciler token list` lists them")
        raise Failure(f"there is no token {name}", hint=hint)
    return Exit.OK


def change(settings: Settings, terminal: Terminal) -> int:
    """Set the password; everybody who logged in with another one is out."""
    password = Password(settings.durable, settings.environ)
    password.change(_typed())
    terminal.talk(line("the password is set; who logged in with another one is out"))
    return Exit.OK


def print_hash(terminal: Terminal) -> int:
    """Print the hash of what is typed."""
    terminal.write(f"{hashed(_typed())}\n")
    return Exit.OK


def api(settings: Settings) -> Iterator[Finding]:
    """For the doctor: whether somebody can get in, and whether everybody could."""
    tokens = [one for one in credentials_of(settings).listed() if not one.is_session]
    password = Password(settings.durable, settings.environ)
    if not password.told and not password.hash_file.exists():
        yield Finding("api", Grade.NOTE, "there is no password yet; the first start makes one")
    elif why := password.current().why:
        yield Finding("api", Grade.ERROR, f"nobody can log in: {why}", "reconciler password set")
    elif not password.told and password.note.exists():
        text = f"the first password is still in {password.note}"
        yield Finding("api", Grade.NOTE, f"{text}: read it, then delete the file")
    else:
        yield Finding("api", Grade.OK, f"the password is set by {password.current().source}")
    late = [one.name for one in tokens if not one.is_good(time.time())]
    if late:
        fix = f"reconciler token revoke {late[0]}"
        yield Finding("api", Grade.NOTE, f"expired tokens: {', '.join(late)}", fix)


def _typed() -> str:
    """A password, never from the command line: others can read that."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    said = getpass.getpass("Password: ")
    if said != getpass.getpass("Again: "):
        raise Failure("the two are not the same")
    return said


def _rows(tokens: Sequence[Credential], *, width: int) -> list[Line]:
    now = datetime.now(UTC)
    head = tuple(Span(name, Style.FAINT) for name in ("NAME", "SCOPE", "CREATED", "EXPIRES"))
    rows = [
        (
            Span(one.name, Style.STRONG),
            Span(one.scope.value),
            Span(ago(_stamp(one.created), now)),
            _ends(one, now),
        )
        for one in tokens
    ]
    return grid([head, *rows], width=width)


def _ends(token: Credential, now: datetime) -> Span:
    if token.expires is None:
        return Span("never")
    good = token.is_good(now.timestamp())
    return Span(local(_stamp(token.expires)), None if good else Style.BAD)


def _told(token: Credential) -> dict[str, str | None]:
    return {
        "name": token.name,
        "scope": token.scope.value,
        "created": _stamp(token.created),
        "expires": _stamp(token.expires),
    }


def _stamp(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
