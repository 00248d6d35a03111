"""What an answer holds that the API's description does not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Any


def undescribed(told: Mapping[str, Json], path: str, value: Json, method: str = "get") -> list[str]:
    """The members of an answer of ``path`` that ``told`` does not describe."""
    page = told["paths"][path][method]["responses"]
    code = next(code for code in page if code.startswith("2"))
    schema = page[code]["content"]["application/json"]["schema"]
    return [*_unknown(told["components"]["schemas"], schema, value, "")]


def _unknown(parts: Mapping[str, Json], schema: Json, value: Json, at: str) -> Iterator[str]:
    while "$ref" in schema:
        schema = parts[schema["$ref"].rpartition("/")[2]]
    if value is None:
        return
    if choices := [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]:
        found = ([*_unknown(parts, one, value, at)] for one in choices)
        yield from min(found, key=len)
    elif isinstance(value, list):
        for one in value:
            yield from _unknown(parts, schema.get("items", {}), one, f"{at}[]")
    elif isinstance(value, dict):
        yield from _of_members(parts, schema, value, at)


def _of_members(
    parts: Mapping[str, Json], schema: Json, value: Mapping[str, Json], at: str
) -> Iterator[str]:
    own, other = schema.get("properties"), schema.get("additionalProperties")
    for name, one in value.items():
        if own is not None and name not in own:
            yield f"{at}.{name}"
        elif own is not None:
            yield from _unknown(parts, own[name], one, f"{at}.{name}")
        elif isinstance(other, dict):
            yield from _unknown(parts, other, one, f"{at}.{name}")
