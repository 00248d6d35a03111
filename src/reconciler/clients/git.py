"""Runs git: a closed environment, a deadline, and errors that say what to do about them."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ..core.errors import Terminal, Transient
from .child import end, start
from .files import write_atomic
from .git_errors import failure, redact
from .git_talk import talk
from .proc import start_time

QUICK: Final = 60.0
"""Seconds for what touches only the local disk, or asks the remote one question."""
MEMORY: Final = 2 << 30
"""Bytes of memory for what a remote sends; a pack that asks for more is made to."""
LONG: Final = 1800.0
"""Seconds for what moves data; a stalled transfer ends sooner by its own low speed limit."""

SETTINGS: Final = {
    "core.bigFileThreshold": "64m",
    "core.hooksPath": os.devnull,
    "core.fsync": "committed,reference",
    "core.packedGitLimit": "256m",
    "core.packedGitWindowSize": "32m",
    "core.quotePath": "false",
    "credential.helper": "",
    "fetch.unpackLimit": "1",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "500",
    "http.lowSpeedTime": "30",
    "init.defaultObjectFormat": "sha1",
    "init.defaultRefFormat": "files",
    "maintenance.auto": "false",
    "pack.threads": "1",
    "protocol.allow": "never",
    "protocol.file.allow": "always",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    "protocol.ssh.allow": "always",
    "transfer.credentialsInUrl": "die",
}
"""Nothing of the machine's or the user's git configuration counts, only these."""

PASSED_ON: Final = (
    *("PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"),
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
)


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and a password in a 0600 file; only git's credential protocol ever reads it."""

    path: Path

    def keep(self, username: str | None, password: str | None, whose: str) -> None:
        """Write them, or have no file without a password. Raises Terminal for what git cuts."""
        if password is None:
            self.path.unlink(missing_ok=True)
            return
        if any(mark in f"{username}{password}" for mark in "\n\r\0"):
            text = f"the password of {whose} holds a line break or NUL; use another"
            raise Terminal(text, reason="PasswordUnusable")
        write_atomic(self.path, f"username={username}\npassword={password}\n".encode())

    @property
    def password(self) -> str:
        """The password itself, for another protocol with the same host; empty when it is gone."""
        return self._pair()[1]

    def secrets(self) -> tuple[str, ...]:
        """Every form in which the password might show up in a text."""
        user, password = self._pair()
        if not password:
            return ()
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        return (
            password,
            quote(password, safe=""),
            basic,
            base64.b64encode(password.encode()).decode(),
        )

    def _pair(self) -> tuple[str, str]:
        with suppress(OSError, ValueError, IndexError):
            lines = self.path.read_text("utf-8").split("\n")
            return lines[0].split("=", 1)[1], lines[1].split("=", 1)[1]
        return "", ""


@dataclass(frozen=True, slots=True)
class Terms:
    """How one command is run."""

    stdin: bytes = b""
    deadline: float = QUICK
    credential: Credential | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    about: str = ""
    """What the command is about, for error texts: a url or a folder."""
    most: int = 0
    """Bytes of the largest file it may write, when what it writes is a stranger's; 0: no limit."""


@dataclass(frozen=True, slots=True)
class Result:
    code: int
    output: bytes
    errors: str


DEFAULT: Final = Terms()


class Git:
    """The git command. ``environ`` is the operator's own; only proxies, PATH and the like pass."""

    def __init__(self, environ: Mapping[str, str], *, program: str = "git") -> None:
        self._program = program
        self.surroundings = environ
        """The operator's variables, for others that start programs."""
        self._environ = {name: environ[name] for name in PASSED_ON if name in environ}
        self.incarnation = f"{os.getpid()}:{start_time(os.getpid())}"
        """Tells our own commands from those that an earlier, killed operator left running."""

    async def run(self, folder: Path, *arguments: str, terms: Terms = DEFAULT) -> bytes:
        """What the command prints. Raises Transient with a reason when it fails."""
        result = await self.attempt(folder, *arguments, terms=terms)
        if result.code:
            raise failure(arguments[0], result.errors, terms.about or str(folder))
        return result.output

    async def attempt(self, folder: Path, *arguments: str, terms: Terms = DEFAULT) -> Result:
        """Run the command to its end, its deadline or our cancellation, whichever comes first."""
        process = await self._start(folder, arguments, terms)
        try:
            async with asyncio.timeout(terms.deadline):
                output, errors = await talk(process, terms.stdin)
        except TimeoutError as exc:
            where = terms.about or str(folder)
            message = f"git {arguments[0]} of {where} took longer than {terms.deadline:g} s"
            raise Transient(message, reason="TimedOut") from exc
        finally:
            await end(process)
        secrets = terms.credential.secrets() if terms.credential else ()
        return Result(
            process.returncode or 0, output, redact(errors.decode("utf-8", "replace"), secrets)
        )

    def batch(self, folder: Path) -> subprocess.Popen[bytes]:
        """A ``cat-file --batch`` to talk to from a worker thread."""
        return subprocess.Popen(
            [self._program, "cat-file", "--batch"],
            env=self.environ(folder, DEFAULT),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def environ(self, folder: Path, terms: Terms) -> dict[str, str]:
        """All that a git command gets to know."""
        settings = list(SETTINGS.items())
        secret = {}
        if terms.credential is not None:
            # The shell sees a variable's name; the variable holds a path; the file is ours alone.
            settings.append(("credential.helper", '!cat "$RECONCILER_CREDENTIAL"; :'))
            secret = {"RECONCILER_CREDENTIAL": str(terms.credential.path)}
        return {
            **self._environ,
            "LC_ALL": "C",
            "GIT_DIR": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            # A connection kept for others would hold our pipes after the end of git.
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20 -oControlMaster=no",
            "RECONCILER_INCARNATION": self.incarnation,
            **secret,
            **_numbered(settings),
            **terms.environ,
        }

    async def _start(
        self, folder: Path, arguments: tuple[str, ...], terms: Terms
    ) -> asyncio.subprocess.Process:
        try:
            return await start(
                *_bounded(terms.most),
                self._program,
                *arguments,
                env=self.environ(folder, terms),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        except OSError as exc:  # also when a folder on PATH may not be entered
            raise Transient(
                f"cannot start {self._program} in {folder}: {exc.strerror}; "
                "install git, or let this user run it there",
                reason="Missing",
            ) from exc


def _numbered(settings: list[tuple[str, str]]) -> dict[str, str]:
    """Settings as variables: they do not show in argv, and never reach a git of the other side."""
    names = {f"GIT_CONFIG_KEY_{index}": name for index, (name, _) in enumerate(settings)}
    values = {f"GIT_CONFIG_VALUE_{index}": value for index, (_, value) in enumerate(settings)}
    return {"GIT_CONFIG_COUNT": str(len(settings)), **names, **values}


def _bounded(most: int) -> tuple[str, ...]:
    """What holds a command that listens to a stranger within limits, and all that it starts."""
    if not most:
        return ()
    # Where it may have less already, less it is. The signal is not to be: an error says more.
    limits = f"trap '' XFSZ; ulimit -f {most // 512 + 1}; ulimit -v {MEMORY // 1024}"
    return ("/bin/sh", "-c", f'{{ {limits}; }} 2>/dev/null; exec "$@"', "sh")
