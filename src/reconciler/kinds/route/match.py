"""Which route serves a request. The same decision as the gateway's, in Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .paths import normalise
from .spec import Match
from .state import Rule


class Request(NamedTuple):
    """What of a request decides. ``path`` is as the client sent it, without the query."""

    path: str
    host: str = "localhost"
    method: str = "GET"
    referer: str | None = None


def winner(rules: Mapping[str, Rule], request: Request) -> str | None:
    """Name the rule that serves ``request``. Raises ValueError when its path is refused."""
    path = normalise(request.path)
    fitting = (name for name, rule in rules.items() if _fits(rule.match, request, path))
    return min(fitting, key=lambda name: _rank(name, rules[name]), default=None)


def _rank(name: str, rule: Rule) -> tuple[int, int, int, int, bytes]:
    match = rule.match
    prefix = normalise(match.path_prefix) if match.path_prefix else ""
    referer = (match.referer_substr or "").encode()
    return -rule.priority, -len(prefix), -len(referer), rule.order, name.encode()


def _fits(match: Match, request: Request, path: str) -> bool:
    return (
        _fits_host(match.host, request.host.lower())
        and (match.path_prefix is None or path.startswith(normalise(match.path_prefix)))
        and (match.path_equal is None or path == normalise(match.path_equal))
        and (match.methods is None or request.method in match.methods)
        and (match.referer_substr is None or match.referer_substr in (request.referer or ""))
    )


def _fits_host(wanted: str | None, host: str) -> bool:
    if wanted is None or wanted == host:
        return True
    below = wanted.removeprefix("*")
    return wanted.startswith("*.") and host.endswith(below) and len(host) > len(below)
