"""Requests of the past, decided by the rules as they are and as they would be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ...core.model import Json
from .decide import Decision, Kind, Outcome, Routing
from .match import Request
from .state import Rule


class Past(NamedTuple):
    """A request that was; ``hidden`` are headers it had whose values nobody kept."""

    request: Request
    hidden: frozenset[str] = frozenset()


class Rules(NamedTuple):
    """All that decides at one time."""

    rules: Mapping[str, Rule]
    default: str | None = None

    def named(self) -> frozenset[str]:
        """The headers that some rule looks at, the Referer aside."""
        found = (one.name for rule in self.rules.values() for one in rule.match.headers or ())
        return frozenset(name.lower() for name in found) - {"referer"}


class Goal(NamedTuple):
    """Where requests go: through which route, and what comes of them."""

    route: str | None
    kind: Kind
    status: int | None
    to: str


class Move(NamedTuple):
    """Requests that would go elsewhere, with one of them."""

    before: Goal
    after: Goal
    times: int
    example: Request
    targets: tuple[str, str]
    """What the program behind would be asked for, or a browser sent to, of the example."""


class Replay(NamedTuple):
    """What came of it. ``undecided`` hang on a header that was not kept."""

    requests: int
    moves: tuple[Move, ...]
    undecided: int
    headers: tuple[str, ...]
    """Those headers."""


def replay(past: Iterable[Past], before: Rules, after: Rules) -> Replay:
    """Decide each request twice, and tell those that come to something else."""
    judges = _Judges(before), _Judges(after)
    moves: dict[tuple[Goal, Goal], Move] = {}
    count = undecided = 0
    headers: set[str] = set()
    for one in past:
        count += 1
        old, new = (judge.decide(one) for judge in judges)
        if old is None or new is None:
            undecided += 1
            headers |= one.hidden
        elif old.outcome != new.outcome:
            key = _goal(old), _goal(new)
            targets = old.outcome.target, new.outcome.target
            known = moves.get(key) or Move(*key, 0, one.request, targets)
            moves[key] = known._replace(times=known.times + 1)
    told = sorted(moves.values(), key=lambda move: -move.times)
    return Replay(count, tuple(told), undecided, tuple(sorted(headers)))


class _Judges:
    """Decides by some rules; where a header is not known, with it and without it."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._strict = Routing(rules.rules, rules.default)
        self._loose: dict[frozenset[str], Routing] = {}

    def decide(self, past: Past) -> Decision | None:
        """What comes of it; None when that hangs on what nobody knows."""
        found = self._strict.decide(past.request)
        hidden = past.hidden & self._rules.named()
        if hidden:
            if hidden not in self._loose:
                self._loose[hidden] = Routing(_without(self._rules, hidden), self._rules.default)
            if self._loose[hidden].decide(past.request).outcome != found.outcome:
                return None
        return found


def _without(rules: Rules, hidden: frozenset[str]) -> dict[str, Rule]:
    """The rules, as if each of these headers said what they ask for."""
    made = {}
    for name, rule in rules.rules.items():
        kept = tuple(h for h in rule.match.headers or () if h.name.lower() not in hidden) or None
        match = rule.match.model_copy(update={"headers": kept})
        made[name] = rule.model_copy(update={"match": match})
    return made


def _goal(decision: Decision) -> Goal:
    outcome: Outcome = decision.outcome
    return Goal(decision.route, outcome.kind, outcome.status, outcome.to)


def read_past(said: Mapping[str, Json], unseen: frozenset[str] = frozenset()) -> Past:
    """A request as the gateway remembers it; ``unseen`` are headers it did not look at.

    Raises ValueError for what is no request.
    """
    texts = {name: said.get(name) for name in ("path", "host", "method", "referer")}
    headers = said.get("headers") or {}
    fits = isinstance(headers, dict) and isinstance(texts["path"], str)
    if not fits or not all(
        isinstance(value, str | None) for value in (*texts.values(), *headers.values())
    ):
        raise ValueError("a request has a path, and what else it says is text")
    known = {name.lower(): value for name, value in headers.items() if value is not None}
    hidden = {name.lower() for name, value in headers.items() if value is None}
    request = Request(
        str(texts["path"]),
        (texts["host"] or "localhost").lower(),
        texts["method"] or "GET",
        texts["referer"],
        known,
    )
    return Past(request, frozenset(hidden | (unseen - known.keys())))
