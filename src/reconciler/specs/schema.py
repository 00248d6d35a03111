"""The schemas that editors check spec files with, drawn from the kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from ..clients.files import write_atomic
from ..core.errors import Terminal
from ..core.kind import AnyKind, Kinds
from ..core.model import Apply
from .document import API_VERSION, Metadata
from .expand import AS_WRITTEN

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
ALL: Final = "all.json"
EVERYONE_READS: Final = 0o644


def write_schema(folder: Path, kinds: Kinds | None = None) -> None:
    """Write one file per kind, and ``all.json`` for spec files of any kind."""
    for name, text in _files(kinds).items():
        write_atomic(folder / name, text.encode(), mode=EVERYONE_READS)


def check_schema(folder: Path, kinds: Kinds | None = None) -> list[str]:
    """The files that are not what ``write_schema`` would write."""
    return [name for name, text in _files(kinds).items() if _read(folder / name) != text]


def all_schema(kinds: Kinds | None = None) -> str:
    """The schema for spec files of any kind, as text."""
    return _text(_all(_known(kinds)))


def kind_schema(name: str, kinds: Kinds | None = None) -> dict[str, Any]:
    """The schema of a kind's ``spec``; what it refers to is under ``definitions``."""
    return _spec(_known(kinds)[name], "")


def _known(kinds: Kinds | None) -> Kinds:
    if kinds is not None:
        return kinds
    from ..kinds import KINDS

    return KINDS


def _files(kinds: Kinds | None) -> dict[str, str]:
    known = _known(kinds)
    files = {f"{name.lower()}.json": _text(_document(kind)) for name, kind in known.items()}
    return {**files, ALL: _text(_all(known))}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise Terminal(f"cannot read {path}: {exc}", reason="SchemaUnreadable") from exc


def _text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _document(kind: AnyKind) -> dict[str, Any]:
    """The schema of a whole document of one kind."""
    spec = _spec(kind, f"{kind.name}.")
    definitions = spec.pop("definitions", {})
    definitions |= {f"{kind.name}.Spec": spec, **_metadata()}
    return {
        "$schema": DRAFT,
        "title": kind.name,
        "description": spec.get("description", ""),
        **_frame({"const": kind.name}),
        "definitions": dict(sorted(definitions.items())),
    } | {"properties": _fields({"const": kind.name}, f"#/definitions/{kind.name}.Spec")}


def _all(kinds: Kinds) -> dict[str, Any]:
    """One schema for every kind, complete in itself; ``kind`` tells which part applies."""
    definitions: dict[str, Any] = {}
    for kind in kinds.values():
        definitions |= _document(kind)["definitions"]
    return {
        "$schema": DRAFT,
        "title": "reconciler specs",
        **_frame({"enum": sorted(kinds)}),
        "properties": _fields({"enum": sorted(kinds)}, None),
        "allOf": [_when(name) for name in sorted(kinds)],
        "definitions": dict(sorted(definitions.items())),
    }


def _when(name: str) -> dict[str, Any]:
    return {
        "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
        "then": {"properties": {"spec": {"$ref": f"#/definitions/{name}.Spec"}}},
    }


def _frame(kind: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": _fields(kind, None),
        "required": ["apiVersion", "kind", "metadata"],
        "additionalProperties": False,
    }


def _fields(kind: dict[str, Any], spec: str | None) -> dict[str, Any]:
    return {
        "apiVersion": {"const": API_VERSION},
        "kind": kind,
        "metadata": {"$ref": "#/definitions/Metadata"},
        "spec": {"$ref": spec} if spec else {},
    }


def _metadata() -> dict[str, Any]:
    schema = _draw(Metadata, "")
    return {**schema.pop("definitions", {}), "Metadata": schema}


def _spec(kind: AnyKind, prefix: str) -> dict[str, Any]:
    return _draw(kind.Spec, prefix)


def _draw(model: type[BaseModel], prefix: str) -> dict[str, Any]:
    """The schema of a model in draft 7; the models inside are named with ``prefix``."""
    schema = model.model_json_schema(
        by_alias=True,
        ref_template=f"#/definitions/{prefix}{{model}}",
        schema_generator=_Generator,
    )
    definitions = {f"{prefix}{name}": one for name, one in schema.pop("$defs", {}).items()}
    drawn: dict[str, Any] = _as_draft_7(schema)
    if definitions:
        drawn["definitions"] = _as_draft_7(definitions)
    return drawn


class _Generator(GenerateJsonSchema):
    """Adds to each field how a change of it is applied."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        drawn = super().model_schema(schema)
        properties = drawn.get("properties", {})
        for name, info in schema["cls"].model_fields.items():
            field = properties.get(info.alias or name)
            mark = next((one for one in info.metadata if isinstance(one, Apply)), None)
            if field is not None and mark is not None:
                field["x-apply"] = str(mark)
            if field is not None and isinstance(field.get("default"), float):
                field["default"] = _written(schema["cls"], name)
        return drawn


def _written(model: type[BaseModel], name: str) -> Any:
    """A default as people write it: ``10s``, not ``10.0``."""
    one = model.model_construct(**{name: model.model_fields[name].default})
    return next(iter(one.model_dump(mode="json", include={name}).values()))


def _as_draft_7(schema: Any, under: str = "") -> Any:
    """Say the same in draft 7, and take numbers where the loader takes them as text."""
    if isinstance(schema, list):
        return [_as_draft_7(one, under) for one in schema]
    if not isinstance(schema, dict):
        return schema
    drawn = {
        key: _as_draft_7(one, under or (key if key in AS_WRITTEN else ""))
        for key, one in schema.items()
        if key != "title" or not isinstance(one, str)
    }
    if isinstance(drawn.get("description"), str):
        drawn["description"] = drawn["description"].replace("``", "`")
    if "prefixItems" in drawn:
        drawn["items"] = drawn.pop("prefixItems")
    if "$ref" in drawn and len(drawn) > 1:
        drawn["allOf"] = [{"$ref": drawn.pop("$ref")}]
    if under and drawn.get("type") == "string" and not isinstance(drawn.get("enum"), list):
        drawn["type"] = ["string", "number", "boolean"]
    return drawn
