"""From the original gateway's admin_config.json to drafts of routes and of the gateway."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError

from ...core.model import Json
from ...core.units import LONGEST_NAME, legal_name
from ...kinds.gateway.spec import GatewaySpec
from ...kinds.route.original import FIELDS, RULE_ID, RuleError, amended, to_route
from ...kinds.route.spec import RouteSpec
from ..outcome import Failure
from .draft import Draft, Fate, Import, Note
from .json_text import no_json

PASSWORD: Final = Note(
    "admin_password",
    Fate.DROPPED,
    "it stood there in plain text, and in every backup of the file: take it for known; "
    "`reconciler password set` makes one that only its hash is kept of",
)
KNOWN: Final = frozenset({"admin_password", "default_backend", "rules"})


def import_rules(path: Path) -> Import:
    """Drafts of all rules, in their order. Raises Failure."""
    said = _read(path)
    result = Import(str(path))
    if "admin_password" in said:
        result.notes.append(PASSWORD)
    for name in sorted(said.keys() - KNOWN):
        result.notes.append(Note(name, Fate.DROPPED, "the original does not know it either"))
    rules = said.get("rules") or []
    if not isinstance(rules, list):
        raise Failure(f"{path}: rules is no list")
    used: dict[str, set[str]] = {"names": set(), "ids": set()}
    for number, rule in enumerate(rules):
        result.drafts.append(_draft(rule, number, used))
    if backend := said.get("default_backend"):
        result.drafts.append(_gateway(backend))
    return result


def is_rules(said: Any) -> bool:
    """Whether a JSON file looks like this one."""
    return isinstance(said, dict) and bool(KNOWN & said.keys())


def _read(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Failure(f"{path} cannot be read: {(error.strerror or '').lower()}") from error
    if not data.strip():
        raise Failure(f"{path} is empty: its rules are lost", hint="look for it in a backup")
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise no_json(path, error) from error
    if not isinstance(said, dict):
        raise Failure(f"{path} holds no admin configuration")
    return said


def _draft(rule: Json, number: int, used: dict[str, set[str]]) -> Draft:
    name = rule.get("id") if isinstance(rule, dict) else None
    original = name if isinstance(name, str) and name else f"rule {number}"
    draft = Draft(original, kind="Route")
    if not isinstance(rule, dict):
        draft.drop("all of it", "a rule is a mapping")
        return draft
    draft.name = _unique(legal_name(original, "rule"), used["names"])
    if draft.name != original:
        draft.nearly("id", f"{original} is called {draft.name} now")
    kept = original if original not in used["ids"] else f"{original} {number}"
    if kept != original:
        draft.nearly("id", "another rule before it has this id too")
    used["ids"].add(kept)
    draft.annotations = {RULE_ID: kept}
    _carry(_mended({**rule, "id": original}, draft), number, draft)
    return draft


def _mended(rule: dict[str, Json], draft: Draft) -> dict[str, Json]:
    """The rule without what the original let pass and a Route does not."""
    for name in sorted(rule.keys() - FIELDS):
        draft.drop(name, "the original does not know it either")
    rule = {name: value for name, value in rule.items() if name in FIELDS}
    backend = rule.get("backend")
    parts = _split(backend) if isinstance(backend, str) else None
    if isinstance(backend, str) and parts and parts[2] not in {"", "/"}:
        text = f"the original sent every request to {parts[2]} itself; here each keeps its own path"
        draft.nearly("backend", text)
        rule["backend"] = urlunsplit((*parts[:2], "", "", ""))
    elif isinstance(backend, str) and parts and _is_name(parts.hostname or ""):
        text = "a host name: the original answered 502 for one, here it is looked up"
        draft.notes.append(Note("backend", Fate.CARRIED, text))
    target = rule.get("redirect_to")
    if isinstance(target, str) and (parts := _split(target)) and parts[1] and not parts[2]:
        rule["redirect_to"] = urlunsplit(parts._replace(path="/"))
    if rule.get("redirect_to") and rule.get("redirect_to_prefix"):
        draft.drop("redirect_to_prefix", "redirect_to is given too, and was used")
        rule["redirect_to_prefix"] = ""
    return rule


def _is_name(host: str) -> bool:
    """Whether it has to be looked up; localhost was known to the original too."""
    try:
        ip_address(host)
    except ValueError:
        return host not in {"", "localhost"}
    return False


def _split(text: str) -> Any:
    try:
        return urlsplit(text)
    except ValueError:
        return None


def _carry(rule: dict[str, Json], order: int, draft: Draft) -> None:
    try:
        draft.put(amended({}, to_route(rule), order))
    except RuleError as error:
        draft.drop(error.field or "all of it", str(error).removeprefix(f"{error.field}: "))
        return
    _fit(draft)
    if draft.spec:
        for name, value in rule.items():
            if name != "id" and value not in ("", None, [], {}):
                draft.carry(name)
        if "redirect" in draft.spec and not rule.get("redirect_to"):
            _tell_redirect(rule, draft)


def _tell_redirect(rule: dict[str, Json], draft: Draft) -> None:
    match = rule.get("match")
    if not rule.get("redirect_to_prefix"):
        draft.nearly("redirect_to", "not written: the original sent everybody to /, and so it is")
    elif not (isinstance(match, dict) and match.get("path_prefix")):
        draft.nearly("match.path_prefix", "not written: / stands there now, so that a rest is left")


def _fit(draft: Draft) -> None:
    """Take out what a Route cannot say; without a condition it would take more than it did."""
    while draft.spec:
        try:
            RouteSpec.model_validate(draft.spec, by_alias=True, by_name=False)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            why = first["msg"].removeprefix("Value error, ")
            place = first["loc"]
            if place[:2] == ("proxy", "setHeaders") and isinstance(place[2], int):
                gone = draft.spec["proxy"]["setHeaders"].pop(place[2])
                draft.drop(f"set_headers {gone['name']}", why)
                continue
            where = ".".join(str(part) for part in place) or "all of it"
            draft.drop(where, f"a Route cannot say it, and says nothing without it: {why}")
            draft.spec.clear()
        else:
            return


def _gateway(backend: Json) -> Draft:
    draft = Draft("default_backend", name="gateway", kind="Gateway")
    try:
        GatewaySpec.model_validate({"defaultBackend": backend}, by_alias=True, by_name=False)
    except ValidationError as error:
        why = error.errors(include_url=False, include_context=False)[0]["msg"]
        draft.drop("default_backend", why.removeprefix("Value error, "))
    else:
        draft.carry("default_backend", defaultBackend=backend)
    return draft


def _unique(wanted: str, used: set[str]) -> str:
    number, free = 1, wanted
    while free in used:
        number += 1
        free = f"{wanted[: LONGEST_NAME - 6].rstrip('-')}-{number}"
    used.add(free)
    return free
