"""The original's list of rules, kept as Routes: reading it, and replacing it whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from ..core.model import Json, Ref
from ..core.units import LONGEST_NAME, legal_name
from ..kinds.route.original import RULE_ID, Rule, RuleError, amended, field_of, to_route, to_rule
from ..specs.desk import Desk, Wish
from ..specs.faults import Fault, Invalid
from .documents import API_VERSION

HOME: Final = "50-routes.yaml"
ROUTE: Final = "Route"
GATEWAY: Final = "Gateway"
WHY: Final = "asked through /admin/routes.json"


class BadRule(NamedTuple):
    """Why a rule is refused; ``rule`` is its id, ``position`` its place in the list, from 0."""

    rule: str
    position: int
    field: str
    reason: str


class InvalidRules(Invalid):
    """Rules that cannot be applied."""

    def __init__(self, rules: list[BadRule]) -> None:
        first = rules[0]
        where = f"{first.field}: " if first.field else ""
        named = f"rule {first.rule!r}: " if first.position >= 0 else ""
        text = f"{named}{where}{first.reason}"
        super().__init__(text, [rule._asdict() for rule in rules])


def listed(routes: Mapping[Ref, Json], gateways: Mapping[Ref, Json]) -> dict[str, Json]:
    """The rules as the original answers them: those that came as rules, in their order."""
    rules = [(one["spec"].get("order", 0), ref, to_rule(one)) for ref, one in _imported(routes)]
    return {
        "default_backend": _default_of(next(iter(gateways.values()), None)),
        "rules": [rule for _, _, rule in sorted(rules, key=lambda one: one[:2])],
    }


def compose(desk: Desk, said: Mapping[str, Json], author: str) -> Wish:
    """The edit that makes the specs hold what was posted. Raises InvalidRules."""
    routes = desk.documents(ROUTE)
    wanted: dict[Ref, Json] = {}
    if "rules" in said:
        wanted |= _replaced(routes, _checked(said["rules"]))
    if "default_backend" in said:
        wanted |= _with_default(desk.documents(GATEWAY), said["default_backend"] or None)
    homes = desk.homes(ROUTE)
    used = Counter(homes[ref] for ref, _ in _imported(routes))
    home = used.most_common(1)[0][0] if used else HOME
    return Wish(wanted, author, home, WHY)


def blamed(fault: Fault, wish: Wish, said: Mapping[str, Json]) -> BadRule:
    """Which rule of a posted list is why an edit was refused."""
    kind, _, name = fault.ref.partition("/")
    document = wish.documents.get(Ref(kind, name))
    rule = _kept_id(document) if document else ""
    ids = [_id(one) for one in said.get("rules", ())]
    position = ids.index(rule) if rule in ids else -1
    return BadRule(rule, position, field_of(fault.at), fault.message)


def _imported(routes: Mapping[Ref, Json]) -> Iterator[tuple[Ref, Json]]:
    """The routes that can be told as rules, and came as such."""
    return ((ref, one) for ref, one in routes.items() if to_rule(one) is not None)


def _checked(said: list[Json]) -> list[Rule]:
    rules: list[Rule] = []
    bad: list[BadRule] = []
    for index, one in enumerate(said):
        try:
            rules.append(to_route(one))
        except RuleError as exc:
            text = str(exc).removeprefix(f"{exc.field}: ")
            bad.append(BadRule(_id(one), index, exc.field, text))
    if not bad:
        bad = list(_doubles(rules))
    if bad:
        raise InvalidRules(bad)
    return rules


def _id(rule: Json) -> str:
    found = rule.get("id") if isinstance(rule, dict) else None
    return found if isinstance(found, str) else ""


def _doubles(rules: list[Rule]) -> Iterator[BadRule]:
    first: dict[str, int] = {}
    for index, rule in enumerate(rules):
        if rule.id in first:
            text = f"rule {first[rule.id]} of the list has this id too"
            yield BadRule(rule.id, index, "id", text)
        first.setdefault(rule.id, index)


def _replaced(routes: Mapping[Ref, Json], rules: list[Rule]) -> dict[Ref, Json]:
    known = {_kept_id(one): ref for ref, one in routes.items() if _kept_id(one)}
    imported = dict(_imported(routes))
    taken = {ref.name for ref in routes}
    wanted: dict[Ref, Json] = {}
    for order, rule in enumerate(rules):
        ref = known.get(rule.id)
        if ref is not None and ref not in imported:
            text = f"{ref} has this id, and says more than a rule can: change it in its file"
            raise InvalidRules([BadRule(rule.id, order, "id", text)])
        if ref is None:
            ref = Ref(ROUTE, _free_name(rule.id, taken))
            taken.add(ref.name)
        wanted[ref] = _written(imported.get(ref), ref, rule, order)
    return wanted | {ref: None for ref in imported if ref not in wanted}


def _kept_id(document: Json) -> str:
    notes: dict[str, Any] = document["metadata"].get("annotations") or {}
    return str(notes.get(RULE_ID) or "")


def _written(now: Json, ref: Ref, rule: Rule, order: int) -> Json:
    about = now["metadata"] if now else {"name": ref.name, "annotations": {RULE_ID: rule.id}}
    spec = amended((now or {}).get("spec"), rule, order)
    if now and spec == now["spec"]:
        return now
    return {"apiVersion": API_VERSION, "kind": ROUTE, "metadata": about, "spec": spec}


def _free_name(wanted: str, taken: set[str]) -> str:
    name = legal_name(wanted, "rule")
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name[: LONGEST_NAME - 6].rstrip('-')}-{number}"
    return free


def _default_of(gateway: Json) -> Json:
    """Where requests go that no rule takes; empty for nowhere, as the original has it."""
    return ((gateway or {}).get("spec") or {}).get("defaultBackend") or ""


def _with_default(gateways: Mapping[Ref, Json], backend: str | None) -> dict[Ref, Json]:
    ref, now = next(iter(gateways.items()), (Ref(GATEWAY, "gateway"), None))
    if (_default_of(now) or None) == backend:
        return {}
    whole = now or {"apiVersion": API_VERSION, "kind": GATEWAY, "metadata": {"name": ref.name}}
    spec = dict(whole.get("spec") or {})
    if backend is None:
        spec.pop("defaultBackend", None)
    else:
        spec["defaultBackend"] = backend
    return {ref: {**whole, "spec": spec}}
