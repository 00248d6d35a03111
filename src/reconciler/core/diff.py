"""Compare two states of the same shape. Written once, for every kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from .model import Apply, Change, FieldChange, Json, Ref, State, StateT, Verb
from .sealed import KEY


def diff(ref: Ref, desired: StateT | None, observed: StateT | None) -> Change[StateT] | None:
    """What must change to make ``observed`` into ``desired``; None when nothing must."""
    if desired == observed:
        return None
    if observed is None:
        return Change(ref, Verb.CREATE, None, desired, tuple(_all_fields(desired, after=True)))
    if desired is None:
        return Change(ref, Verb.DELETE, observed, None, tuple(_all_fields(observed, after=False)))
    return Change(ref, Verb.UPDATE, observed, desired, _fields(observed, desired))


def prepare() -> None:
    """Load what finding a difference takes, so that the first edit need not wait for it."""
    import deepdiff  # noqa: F401 (loading it is the point)


def _all_fields(state: State | None, *, after: bool) -> Iterator[FieldChange]:
    values = _dump(state)
    for path, cost in _sorted_costs(type(state)) if state is not None else ():
        if path in values:
            value = values[path]
            yield FieldChange(path, None if after else value, value if after else None, cost)


def _fields(before: State, after: State) -> tuple[FieldChange, ...]:
    """What differs, field by field; most often it is one, and nothing is inside of that."""
    costs, old, new = _costs(type(after)), _dump(before), _dump(after)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    flat = [name for name in names if _is_flat(old.get(name)) and _is_flat(new.get(name))]
    found = [
        FieldChange(name, old.get(name), new.get(name), costs.get(name, Apply.LIVE))
        for name in flat
    ]
    deep = names if not flat else [name for name in names if name not in flat]
    if deep:
        found += _inside({n: old.get(n) for n in deep}, {n: new.get(n) for n in deep}, costs)
    return tuple(sorted(found, key=lambda one: one.path))


def _is_flat(value: Json) -> bool:
    return not isinstance(value, dict | list)


def _inside(
    before: Mapping[str, Json], after: Mapping[str, Json], costs: Mapping[str, Apply]
) -> Iterator[FieldChange]:
    """The differences inside of fields."""
    # DeepDiff costs a tenth of a second to import: only a real difference pays for it.
    from deepdiff import DeepDiff
    from deepdiff.helper import notpresent

    tree = DeepDiff(before, after, view="tree", ignore_numeric_type_changes=True)
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
