"""Compare two states of the same shape. Written once, for every kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final

from .model import Apply, Change, FieldChange, Json, Ref, State, StateT, Verb
from .sealed import KEY

_make: Final = partial(tuple.__new__, FieldChange)
"""A NamedTuple's own constructor takes as long as the rest, for dozens of fields."""


def diff(ref: Ref, desired: StateT | None, observed: StateT | None) -> Change[StateT] | None:
    """What must change to make ``observed`` into ``desired``; None when nothing must."""
    if desired is observed or desired == observed:
        return None
    if observed is None:
        return Change(ref, Verb.CREATE, None, desired, _all_fields(desired, after=True))
    if desired is None:
        return Change(ref, Verb.DELETE, observed, None, _all_fields(observed, after=False))
    return Change(ref, Verb.UPDATE, observed, desired, _fields(observed, desired))


def _all_fields(state: State | None, *, after: bool) -> tuple[FieldChange, ...]:
    costs, values = _sorted_costs(type(state)) if state is not None else (), _dump(state)
    if after:
        rows = [(path, None, values[path], cost) for path, cost in costs]
    else:
        rows = [(path, values[path], None, cost) for path, cost in costs]
    return tuple(map(_make, rows))


def _fields(before: State, after: State) -> tuple[FieldChange, ...]:
    """What differs, field by field; most often it is one value, of a field or right inside it."""
    costs, old, new = _costs(type(after)), _dump(before), _dump(after)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    plain = {name: _plain(name, old.get(name), new.get(name)) for name in names}
    found = [
        FieldChange(*one, costs.get(name, Apply.LIVE))
        for name, own in plain.items()
        for one in own or ()
    ]
    deep = [name for name, own in plain.items() if own is None]
    if deep:
        found += _inside({n: old.get(n) for n in deep}, {n: new.get(n) for n in deep}, costs)
    return tuple(sorted(found, key=lambda one: one.path))


def _plain(name: str, before: Json, after: Json) -> list[tuple[str, Json, Json]] | None:
    """The differences of one field where they are plain to see; None where they are not."""
    if _is_value(before) and _is_value(after):
        return [(name, before, after)]
    if isinstance(before, dict) and isinstance(after, dict):
        return _by_key(name, before, after)
    if isinstance(before, list) and isinstance(after, list):
        return _by_place(name, before, after)
    return None


def _by_key(
    name: str, before: Mapping[str, Json], after: Mapping[str, Json]
) -> list[tuple[str, Json, Json]] | None:
    if not all(map(_is_value, (*before.values(), *after.values()))):
        return None
    keys = [key for key in {**before, **after} if _differs(key, before, after)]
    return [(f"{name}.{key}", before.get(key), after.get(key)) for key in keys]


def _differs(key: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> bool:
    return (key in before) != (key in after) or before[key] != after[key]


def _by_place(
    name: str, before: Sequence[Json], after: Sequence[Json]
) -> list[tuple[str, Json, Json]] | None:
    """Of two lists in which only one place differs; where more does, something may have moved."""
    places = [n for n, pair in enumerate(zip(before, after)) if pair[0] != pair[1]]  # noqa: B905
    if len(before) != len(after) or len(places) != 1:
        return None
    old, new = before[places[0]], after[places[0]]
    return [(f"{name}.{places[0]}", old, new)] if _is_value(old) and _is_value(new) else None


def _is_value(value: Json) -> bool:
    """Whether nothing is inside of it, or only the digest of a secret."""
    if isinstance(value, dict):
        return value.keys() == {KEY}
    return not isinstance(value, list)


def _inside(
    before: Mapping[str, Json], after: Mapping[str, Json], costs: Mapping[str, Apply]
) -> Iterator[FieldChange]:
    """The differences inside of fields."""
    # DeepDiff costs a tenth of a second and megabytes: only what moved about pays for it.
    from deepdiff import DeepDiff
    from deepdiff.helper import notpresent

    how: Any = {"ignore_numeric_type_changes": True, "threshold_to_diff_deeper": 0}
    tree = DeepDiff(before, after, view="tree", **how)
    fields = {}
    for levels in tree.values():
        for level in levels:
            path = level.path(output_format="list")
            if path and path[-1] == KEY:  # two secrets: name the secret, not its inside
                path, level = path[:-1], level.up  # noqa: PLW2901 (the level above is meant)
            name = ".".join(str(part) for part in path)
            fields[name] = FieldChange(
                name,
                None if level.t1 is notpresent else level.t1,
                None if level.t2 is notpresent else level.t2,
                costs.get(str(path[0]) if path else "", Apply.LIVE),
            )
    return iter(fields.values())


def _dump(state: State | None) -> dict[str, Json]:
    return state.model_dump(mode="json", by_alias=True) if state is not None else {}


@cache
def _costs(model: type[State]) -> Mapping[str, Apply]:
    """How a change of each field is applied, by the field's name in YAML."""
    fields = model.model_fields.items()
    return {field.alias or name: _cost(field.metadata) for name, field in fields}


@cache
def _sorted_costs(model: type[State]) -> tuple[tuple[str, Apply], ...]:
    return tuple(sorted(_costs(model).items()))


def _cost(metadata: list[Any]) -> Apply:
    return next((mark for mark in metadata if isinstance(mark, Apply)), Apply.LIVE)
