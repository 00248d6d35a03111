"""The rules of the original's gateway <-> routes. Pure: JSON in, JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ...core.model import Json

RULE_ID: Final = "reconciler.dev/rule-id"
"""The annotation that keeps the id a rule had: the sign of a route that came as a rule."""

PERMANENT: Final = 301
LOWEST: Final = -1
"""A rule of a lower priority was never asked."""

FIELDS: Final = frozenset(
    {"id", "action", "priority", "backend", "redirect_to", "redirect_to_prefix", "set_headers"}
    | {"match"}
)
MATCH: Final = {
    "host": "host",
    "path_prefix": "pathPrefix",
    "path_equal": "pathEqual",
    "referer_substr": "refererSubstr",
    "referer_regex": "refererRegex",
}


_WORDS: Final = {
    "spec.proxy.backend": "backend",
    "spec.proxy.setHeaders": "set_headers",
    "spec.redirect.toPrefix": "redirect_to_prefix",
    "spec.redirect.to": "redirect_to",
    "spec.match.methods": "match.method",
    "spec.match.headers": "match.headers",
    "spec.defaultBackend": "default_backend",
    **{f"spec.match.{to}": f"match.{name}" for name, to in MATCH.items()},
}
_PROXY: Final = frozenset({"backend", "setHeaders", "process"})


class RuleError(ValueError):
    """A rule that cannot be one, and which of its fields is the reason."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}" if field else why)
        self.field = field


class Rule(NamedTuple):
    """A rule as a route: the id it had, and what the route says."""

    id: str
    spec: dict[str, Json]


def to_route(rule: Json) -> Rule:
    """The route a rule asks for, without its place in the list. Raises RuleError."""
    if not isinstance(rule, dict):
        raise RuleError("", "a rule is a mapping")
    for name in sorted(rule.keys() - FIELDS):
        raise RuleError(name, "no rule has this field")
    name = _text(rule, "id")
    if not name:
        raise RuleError("id", "a rule needs one")
    match = _match(_mapping(rule, "match"))
    spec: dict[str, Json] = {"priority": _priority(rule.get("priority", 0))}
    action = _action(rule)
    spec |= _redirect(rule, match) if action == "redirect" else _proxy(rule)
    return Rule(name, spec | ({"match": match} if match else {}))


def to_rule(document: Json) -> dict[str, Json] | None:
    """A route as the rule it came as; None for what a rule has no words for."""
    spec, kept = document.get("spec") or {}, _id_of(document)
    match = spec.get("match") or {}
    rule: dict[str, Json] = {"id": kept, "priority": spec.get("priority", 0)}
    told = _tell_match(match)
    action = _tell_proxy(spec) if "proxy" in spec else _tell_redirect(spec)
    if kept is None or told is None or action is None:
        return None
    return {**rule, **action, "match": told}


def field_of(at: str) -> str:
    """What a rule calls a field of a route."""
    found = (word for place, word in _WORDS.items() if at.startswith(place))
    return next(found, at.removeprefix("spec."))


def amended(now: Json, rule: Rule, order: int) -> dict[str, Json]:
    """The spec of a route after its rule was written anew: what rules cannot say stays."""
    old = now or {}
    spec = {key: value for key, value in old.items() if key not in {"proxy", "redirect", "match"}}
    numbers = {"priority": rule.spec["priority"], "order": order}
    spec |= {name: value for name, value in numbers.items() if value != old.get(name, 0)}
    if match := rule.spec.get("match"):
        spec["match"] = match
    if "proxy" in rule.spec:
        own = {k: v for k, v in (old.get("proxy") or {}).items() if k not in _PROXY}
        spec["proxy"] = {**rule.spec["proxy"], **own}
    else:
        spec["redirect"] = rule.spec["redirect"]
    return spec


def _action(rule: Mapping[str, Json]) -> str:
    said = _text(rule, "action")
    if said not in {"", "proxy", "redirect"}:
        raise RuleError("action", "proxy or redirect")
    if not said and not _text(rule, "backend"):
        raise RuleError("action", "say proxy or redirect, or name a backend")
    return said or "proxy"


def _proxy(rule: Mapping[str, Json]) -> dict[str, Json]:
    backend = _text(rule, "backend")
    if not backend:
        raise RuleError("backend", "where to send the requests is missing")
    headers = [_header(one) for one in _list(rule, "set_headers")]
    return {"proxy": {"backend": backend} | ({"setHeaders": headers} if headers else {})}


def _header(said: Json) -> dict[str, Json]:
    if not isinstance(said, dict) or said.keys() != {"name", "value"}:
        raise RuleError("set_headers", "each has a name and a value")
    return {name: _text(said, name, "set_headers.") for name in ("name", "value")}


def _redirect(rule: Mapping[str, Json], match: dict[str, Json]) -> dict[str, Json]:
    to, prefix = _text(rule, "redirect_to"), _text(rule, "redirect_to_prefix")
    if to and prefix:
        raise RuleError("redirect_to_prefix", "redirect_to is given too")
    if not prefix:
        return {"redirect": {"to": to or "/", "code": PERMANENT}}
    if "pathPrefix" not in match:  # all of the path followed; here what follows the first slash
        match["pathPrefix"] = "/"
        prefix = prefix.rstrip("/") + "/"
    return {"redirect": {"toPrefix": prefix, "code": PERMANENT}}


def _match(said: Mapping[str, Json]) -> dict[str, Json]:
    for name in sorted(said.keys() - MATCH.keys() - {"method", "headers"}):
        raise RuleError(f"match.{name}", "no rule has this field")
    match: dict[str, Json] = {
        to: text for name, to in MATCH.items() if (text := _text(said, name, "match."))
    }
    if method := _text(said, "method", "match."):
        match["methods"] = [method.upper()]
    if headers := [_condition(one) for one in _list(said, "headers", "match.")]:
        match["headers"] = headers
    return match


def _condition(said: Json) -> dict[str, Json]:
    fields = ("name", "contains", "regex")
    if not isinstance(said, dict) or said.keys() - {*fields}:
        raise RuleError("match.headers", "each has a name and what it contains, or a regex")
    texts = {name: _text(said, name, "match.headers.") for name in fields}
    return {name: text for name, text in texts.items() if text}


def _priority(said: Json) -> int:
    if isinstance(said, bool) or not isinstance(said, int | float) or said != int(said):
        raise RuleError("priority", "a whole number")
    if said < LOWEST:
        raise RuleError("priority", f"a rule below {LOWEST} was never asked; take it out")
    return int(said)


def _text(said: Mapping[str, Json], name: str, where: str = "") -> str:
    value = said.get(name)
    if value is not None and not isinstance(value, str):
        raise RuleError(f"{where}{name}", "it is not text")
    return value or ""


def _list(said: Mapping[str, Json], name: str, where: str = "") -> list[Json]:
    value = said.get(name)
    if value in (None, {}):  # the original writes an empty list so
        return []
    if not isinstance(value, list):
        raise RuleError(f"{where}{name}", "it is no list")
    return value


def _mapping(said: Mapping[str, Json], name: str) -> dict[str, Json]:
    value = said.get(name)
    if value in (None, []):  # an empty mapping, as the original may write it
        return {}
    if not isinstance(value, dict):
        raise RuleError(name, "it is no mapping")
    return value


def _id_of(document: Json) -> str | None:
    notes: dict[str, Any] = (document.get("metadata") or {}).get("annotations") or {}
    kept = notes.get(RULE_ID)
    return kept if isinstance(kept, str) else None


def _tell_match(match: Mapping[str, Json]) -> dict[str, Json] | None:
    told: dict[str, Json] = {name: match[to] for name, to in MATCH.items() if to in match}
    methods, headers = match.get("methods") or [], match.get("headers") or []
    if len(methods) > 1 or any("equals" in one for one in headers):
        return None
    if methods:
        told["method"] = methods[0]
    if headers:
        told["headers"] = list(headers)
    return told


def _tell_proxy(spec: Mapping[str, Json]) -> dict[str, Json] | None:
    proxy = spec["proxy"] or {}
    if "backend" not in proxy:
        return None
    told = {"action": "proxy", "backend": proxy["backend"]}
    return told | ({"set_headers": proxy["setHeaders"]} if proxy.get("setHeaders") else {})


def _tell_redirect(spec: Mapping[str, Json]) -> dict[str, Json] | None:
    wish = spec.get("redirect") or {}
    if wish.get("code") != PERMANENT:
        return None
    names = {"redirect_to": "to", "redirect_to_prefix": "toPrefix"}
    told = {name: wish[key] for name, key in names.items() if key in wish}
    return {"action": "redirect", **told} if told else None
