"""From what is natural in Python to what stands in a spec."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from enum import Enum
from pathlib import PurePath
from typing import Any, get_args

from pydantic import BaseModel

from ..core.model import Json
from ..core.units import format_duration


def to_plain(spec: type[BaseModel], values: Mapping[str, Any], where: str) -> dict[str, Json]:
    """``values`` by the names YAML has for them. Raises TypeError for one that is no field."""
    found = {}
    for name, value in values.items():
        field = _field_of(spec, name, where)
        if value is not None:
            models = tuple(_models(spec.model_fields[field].annotation))
            alias = spec.model_fields[field].alias or field
            found[alias] = _plain(value, models, f"{where}.{name}")
    return found


def _field_of(spec: type[BaseModel], name: str, where: str) -> str:
    for known, field in spec.model_fields.items():
        if name in {known, field.alias}:
            return known
    early = getattr(spec, "not_yet", ())
    if any(path == name for path in early):
        raise TypeError(f"{where}: {name} is not supported yet")
    close = get_close_matches(name, spec.model_fields, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise TypeError(f"{where} has no field {name}{hint}")


def _plain(value: Any, models: tuple[type[BaseModel], ...], where: str) -> Json:
    match value:
        case BaseModel():
            return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
        case PurePath():
            return str(value)
        case timedelta():
            return format_duration(value.total_seconds())
        case Enum():
            return value.value
        case Mapping() if len(models) == 1 and set(value) != {"from"}:
            return to_plain(models[0], value, where)
        case Mapping():
            return {str(key): _plain(one, (), where) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(one, models, where) for one in value]
        case _:
            return value


def _models(annotation: Any) -> set[type[BaseModel]]:
    """The models that a field may hold, however deep in lists and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for part in get_args(annotation) for model in _models(part)}
