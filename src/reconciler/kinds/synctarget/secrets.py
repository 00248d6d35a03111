"""Looks for secrets in what is about to be kept: what they look like, and what is done then.

Few rules, and each sure: a file that is held for nothing is a file without a backup.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ...core.sealed import Sealed

MOST: Final = 1 << 20
"""Bytes of a file that are looked at, from its begin."""
_TEXT: Final = 8192
SHORTEST: Final = 12
"""Letters of the shortest secret of ours that is looked for: shorter ones are words, too."""
EDITION: Final = "1"
"""Another one, and every file is looked at again."""


class Rule(NamedTuple):
    """``marks``: one of these is in whatever ``pattern`` finds, and quickly looked for."""

    name: str
    marks: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    held: bool = False


def _rule(name: str, marks: str, pattern: bytes, *, held: bool = False) -> Rule:
    return Rule(name, tuple(marks.encode().split(b"|")), re.compile(pattern), held)


_B: Final = rb"(?<![A-Za-z0-9_-])"
_E: Final = rb"(?![A-Za-z0-9_-])"
RULES: Final = (
    _rule(
        "a private key",
        "PRIVATE KEY",
        rb"-----BEGIN (?:[A-Z0-9]{2,12} )?PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|\\r)*"
        rb"(?!Proc-Type: 4,ENCRYPTED)(?:[A-Za-z][\w-]+: [^\n\\]*(?:\s|\\n)+)*[A-Za-z0-9+/=]{24}",
        held=True,
    ),
    _rule(
        "a GitHub token",
        "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_",
        _B + rb"(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})" + _E,
    ),
    _rule("a GitLab token", "glpat-|gldt-|glrt-", _B + rb"gl(?:pat|dt|rt)-[\w-]{20,300}" + _E),
    _rule("a Slack token", "xox", _B + rb"xox[abeoprs]-(?:\d+-)+[A-Za-z0-9-]{10,}"),
    _rule(
        "a Slack webhook",
        "hooks.slack.com/services/T",
        rb"hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{16,}",
    ),
    _rule("an AWS key id", "AKIA|ASIA", _B + rb"A(?:KIA|SIA)[A-Z2-7]{16}" + _E),
    _rule(
        "an API key (sk-…)",
        "sk-",
        _B + rb"sk-(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{32,220}" + _E,
    ),
    _rule("a Google API key", "AIza", _B + rb"AIza[\w-]{35}" + _E),
    _rule("a Hugging Face token", "hf_", _B + rb"hf_[A-Za-z0-9]{34,40}" + _E),
    _rule("an npm token", "npm_", _B + rb"npm_[A-Za-z0-9]{36}" + _E),
    _rule("a PyPI token", "pypi-AgEI", _B + rb"pypi-AgEI[\w-]{50,}"),
    _rule("a Telegram token", ":AA", rb"(?<!\w)\d{8,10}:AA[\w-]{33}" + _E),
    _rule("a Stripe key", "k_live_", _B + rb"[sr]k_live_[A-Za-z0-9]{24,}"),
)


class Finding(NamedTuple):
    """Where something is that looks like a secret; never what."""

    rule: str
    line: int
    held: bool

    def __str__(self) -> str:
        what = f"line {self.line} holds {self.rule}"
        if not self.held:
            return f"{what}; it is in the backup"
        return f"{what}; it is not pushed: exclude the file, or name it under secrets.allow"


@dataclass(frozen=True, slots=True)
class Guard:
    """What one target does about secrets. Without ``action`` nothing is looked for."""

    action: str = "ignore"
    allow: tuple[str, ...] = ()
    known: tuple[Sealed, ...] = field(default=(), repr=False)
    """Secrets of this stack."""

    @property
    def about(self) -> str:
        """Another text when files that did not change must be looked at again."""
        told = "\0".join([EDITION, self.action, *self.allow, *sorted(s.digest for s in self.known)])
        return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def look(self, below: str, descriptor: int) -> Finding | None:
        """The worst that an open file holds. Only text is looked through."""
        if self.action == "ignore" or self._is_allowed(below):
            return None
        content = os.pread(descriptor, MOST, 0)
        if b"\0" in content[:_TEXT]:
            return None
        found = min(self._find(content), key=lambda one: (not one.held, one.line), default=None)
        if found is None or self.action == "auto":
            return found
        return found._replace(held=self.action == "hold")

    def _is_allowed(self, below: str) -> bool:
        return any(below == one or below.startswith(f"{one}/") for one in self.allow)

    def _find(self, content: bytes) -> Iterator[Finding]:
        for value in _values(self.known):
            if (at := content.find(value)) >= 0:
                yield Finding("a secret that this stack was given", _line(content, at), held=True)
        for rule in RULES:
            if any(mark in content for mark in rule.marks):
                match = rule.pattern.search(content)
                if match:
                    yield Finding(rule.name, _line(content, match.start()), rule.held)


NO_GUARD: Final = Guard()


def _values(known: Iterable[Sealed]) -> Iterator[bytes]:
    for one in known:
        if one.known and len(value := one.reveal()) >= SHORTEST:
            yield value.encode("utf-8", "surrogateescape")


def _line(content: bytes, at: int) -> int:
    return content.count(b"\n", 0, at) + 1
