"""From what is natural in Python to what stands in a spec."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from difflib import get_close_matches
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, get_args

from pydantic import BaseModel

from ..core.model import Json
from ..core.units import format_duration

# What is more special comes first: true is a number too.
_SCALARS: Final[tuple[tuple[type[Any], Callable[[Any], Json]], ...]] = (
    (type(None), lambda _: None),
    (bool, bool),
    (str, str),
    (int, int),
    (float, float),
    (PurePath, str),
    (timedelta, lambda value: format_duration(value.total_seconds())),
)
_BINARY: Final = (bytes, bytearray, memoryview)


def to_plain(spec: type[BaseModel], values: Mapping[str, Any], where: str) -> dict[str, Json]:
    """``values`` by the names YAML has for them. Raises TypeError for one that is no field."""
    found = {}
    for name, value in values.items():
        field = _field_of(spec, name, where)
        if value is not None:
            models = tuple(_models(spec.model_fields[field].annotation))
            alias = spec.model_fields[field].alias or field
            found[alias] = plain_value(value, models, f"{where}.{name}")
    return found


def _field_of(spec: type[BaseModel], name: Any, where: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a field of {where} has a name, not one of type {type(name).__name__}")
    for known, field in spec.model_fields.items():
        if name in {known, field.alias}:
            return known
    early = getattr(spec, "not_yet", ())
    if any(path == name for path in early):
        raise TypeError(f"{where}: {name} is not supported yet")
    close = get_close_matches(name, spec.model_fields, n=1)
    hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(spec.model_fields)}"
    raise TypeError(f"{where} has no field {name}; {hint}")


def plain_value(value: Any, models: tuple[type[BaseModel], ...], where: str) -> Json:
    """A value as a file can hold it. Raises TypeError, without the value: it may be a secret."""
    # A member of an enum may be text too, and says another.
    value = value.value if isinstance(value, Enum) else value
    for known, convert in _SCALARS:
        if isinstance(value, known):
            return convert(value)
    match value:
        case BaseModel():
            return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
        case Mapping() if len(models) == 1 and set(value) != {"from"}:
            return to_plain(models[0], value, where)
        case Mapping():
            pairs = ((_key(key, where), one) for key, one in value.items())
            return {key: plain_value(one, (), f"{where}.{key}") for key, one in pairs}
        case AbstractSet() | Sequence() if not isinstance(value, _BINARY):
            # A set in an order that the next start of the program has too.
            items = sorted(value, key=str) if isinstance(value, AbstractSet) else value
            return [plain_value(one, models, f"{where}[{at}]") for at, one in enumerate(items)]
    raise _unfit(value, where)


def _key(key: Any, where: str) -> str:
    if isinstance(key, str | int | PurePath):
        return str(key)
    raise _unfit(key, f"a name in {where}")


def _unfit(value: Any, where: str) -> TypeError:
    mend = "write text, a number, a list or a mapping"
    if isinstance(value, _BINARY):
        mend = "decode it, for a spec holds text"
    elif isinstance(value, Iterable):
        mend = "make a list of it"
    return TypeError(f"{where} cannot be of type {type(value).__name__}; {mend}")


def _models(annotation: Any) -> set[type[BaseModel]]:
    """The models that a field may hold, however deep in lists and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for part in get_args(annotation) for model in _models(part)}
