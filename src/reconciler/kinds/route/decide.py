"""One request, decided step by step as the gateway does it: which route, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from .entry import Condition, Entry
from .match import Request, Table
from .paths import normalise
from .proxy import Proxy
from .reserved import USUAL, Reserved
from .spec import Redirect
from .state import Rule


class Kind(StrEnum):
    """What comes of a request."""

    REFUSED = "refused"
    OPERATOR = "operator"
    PROXY = "proxy"
    REDIRECT = "redirect"
    RESPOND = "respond"
    STATIC = "static"
    OTHER = "other"
    NOTHING = "nothing"


class Outcome(NamedTuple):
    """What comes of a request. ``status`` where the gateway itself answers."""

    kind: Kind
    status: int | None = None
    to: str = ""
    """The program that gets it."""
    target: str = ""
    """The path and query that the program gets, or the address a browser is sent to."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers that are set on the way."""


class Candidate(NamedTuple):
    """A route whose host and path fit. ``failed``: which of its conditions does not hold."""

    name: str
    failed: str = ""


class Decision(NamedTuple):
    """How a request is decided. ``path`` is as it is compared; ``why`` is why it is refused."""

    path: str
    outcome: Outcome
    route: str | None = None
    candidates: tuple[Candidate, ...] = ()
    why: str = ""


class Routing:
    """All that decides: the rules, and where requests go that no rule takes."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        default: str | None = None,
        reserved: Reserved = USUAL,
    ) -> None:
        self._rules = rules
        self._default = default
        self._reserved = reserved
        self._table = Table(rules)

    def decide(self, request: Request, query: str = "") -> Decision:
        """Decide one request; ``query`` is what follows the question mark."""
        try:
            path = normalise(request.path)
        except ValueError as error:
            return Decision("", Outcome(Kind.REFUSED, 400), why=str(error))
        if self._reserved.has(path):
            return Decision(path, Outcome(Kind.OPERATOR))
        entries = sorted(self._table.candidates(request.host, path), key=lambda entry: entry.rank)
        candidates = tuple(Candidate(entry.name, _failed(entry, request)) for entry in entries)
        winner = next((n for n, one in enumerate(candidates) if not one.failed), None)
        if winner is None:
            return Decision(path, self._unrouted(path, query), candidates=candidates)
        entry = entries[winner]
        outcome = _outcome(self._rules[entry.name], path, entry.prefix, query)
        return Decision(path, outcome, entry.name, candidates)

    def _unrouted(self, path: str, query: str) -> Outcome:
        if self._default is None:
            return Outcome(Kind.NOTHING, 404)
        return Outcome(Kind.PROXY, None, self._default, _with_query(path, query))


def _failed(entry: Entry, request: Request) -> str:
    """The first condition that does not hold, in words; empty when all do."""
    if entry.methods is not None and request.method not in entry.methods:
        return f"the method must be {' or '.join(sorted(entry.methods))}; it is {request.method}"
    for one in entry.conditions:
        value = request.header(one.name)
        if not one.holds(value):
            said = "there is none" if value is None else f"it is {value.decode(errors='replace')!r}"
            return f"{_asked(one)}; {said}"
    return ""


def _asked(one: Condition) -> str:
    name = "the Referer" if one.name == "referer" else f"the header {one.name}"
    asked = [
        f"be {one.equals.decode()!r}" if one.equals is not None else "",
        f"contain {one.contains.decode()!r}" if one.contains is not None else "",
        f"match {one.regex}" if one.regex is not None else "",
    ]
    return f"{name} must {' and '.join(filter(None, asked))}"


def _outcome(rule: Rule, path: str, prefix: str, query: str) -> Outcome:
    if rule.proxy is not None:
        return _proxied(rule.proxy, path, prefix, query)
    if rule.redirect is not None:
        location = _with_query(_location(rule.redirect, path, prefix), query)
        return Outcome(Kind.REDIRECT, rule.redirect.code, target=location)
    if rule.respond is not None:
        return Outcome(Kind.RESPOND, rule.respond.status)
    if rule.static is not None:
        return Outcome(Kind.STATIC, None, rule.static.root, _joined("/", path, prefix))
    return Outcome(Kind.OTHER)


def _proxied(proxy: Proxy, path: str, prefix: str, query: str) -> Outcome:
    sent = _joined("/", path, prefix) if proxy.strip_prefix else path
    to = str(proxy.backend)
    if proxy.process is not None:
        to = f"Process/{proxy.process.name} (port {proxy.process.port})"
    headers = tuple((header.name, header.value) for header in proxy.set_headers)
    return Outcome(Kind.PROXY, None, to, _with_query(sent, query), headers)


def _location(redirect: Redirect, path: str, prefix: str) -> str:
    return redirect.to or _joined(redirect.to_prefix or "/", path, prefix)


def _joined(base: str, path: str, prefix: str) -> str:
    """As target.lua does: the base and what follows the prefix never meet in two slashes."""
    rest = path[len(prefix) :]
    return base + (rest.lstrip("/") if base.endswith("/") else rest)


def _with_query(location: str, query: str) -> str:
    if not query:
        return location
    return f"{location}{'&' if '?' in location else '?'}{query}"
