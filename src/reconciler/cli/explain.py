"""`reconciler explain`: what a field of the specs means, from the schema that editors use."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from ..core.lines import Line, Span, Style, grid, line
from ..core.values import shown
from .names import did_you_mean, find_kind, kinds_hint
from .outcome import Exit, Failure
from .terminal import Terminal, structured

Schema: TypeAlias = Mapping[str, Any]

COSTS: Final = {
    "live": "without a restart",
    "reload": "by a reload",
    "restart": "by a restart",
    "recreate": "by making it anew",
}


def explain(terminal: Terminal, *, what: str | None = None, output: str = "text") -> int:
    """Print one field: its type, default, meaning and what is below it; all kinds without one."""
    from ..specs.schema import kind_schema

    if what is None:
        return _all_kinds(terminal, output)
    word, *steps = what.replace("/", ".").split(".")
    kind = find_kind(word)
    if kind is None:
        raise Failure(f"unknown kind {word!r}", hint=kinds_hint(word))
    document = kind_schema(kind)
    steps = steps[1:] if steps[:1] == ["spec"] else steps
    field = walk(document, steps, kind)
    if output != "text":
        terminal.write(structured(field, output))
        return Exit.OK
    path = ".".join([kind, "spec", *steps])
    terminal.show(field_lines(path, field, document, width=terminal.width))
    return Exit.OK


def _all_kinds(terminal: Terminal, output: str) -> int:
    from ..kinds import KINDS

    found = {name: _first(kind.Spec.__doc__ or "") for name, kind in KINDS.items()}
    if output != "text":
        items = [{"kind": name, "description": text} for name, text in found.items()]
        terminal.write(structured({"items": items}, output))
        return Exit.OK
    rows = [(Span(f"  {name}", Style.STRONG), Span(text)) for name, text in found.items()]
    terminal.show([line(Span("KINDS", Style.FAINT)), *grid(rows, width=100)])
    return Exit.OK


def walk(document: Schema, steps: list[str], name: str) -> Schema:
    """The schema of a field, followed through references, lists and alternatives."""
    field: Schema = document
    for step in steps:
        below = fields_of(field, document)
        match = {key.lower(): key for key in below}.get(step.lower())
        if match is None:
            close = did_you_mean(step, below) if below else ""
            hint = close if close.startswith("did") else f"fields: {', '.join(below) or 'none'}"
            raise Failure(f"{name} has no field {step!r}", hint=hint)
        field, name = below[match], f"{name}.{match}"
    return field


def resolve(field: Schema, document: Schema) -> Schema:
    """Follow a reference inside the document; what stands beside it stays."""
    only = field.get("allOf", ())
    if len(only) == 1:
        field = {**only[0], **{key: value for key, value in field.items() if key != "allOf"}}
    while "$ref" in field:
        name = str(field["$ref"]).rpartition("/")[2]
        target = (document.get("definitions") or document.get("$defs") or {})[name]
        field = {**target, **{key: value for key, value in field.items() if key != "$ref"}}
    return field


def choices(field: Schema, document: Schema) -> Iterator[Schema]:
    """The alternatives of a field; itself when it has none."""
    field = resolve(field, document)
    for key in ("anyOf", "oneOf", "allOf"):
        for choice in field.get(key, ()):
            yield from choices(choice, document)
    if not any(key in field for key in ("anyOf", "oneOf", "allOf")):
        yield field


def fields_of(field: Schema, document: Schema) -> dict[str, Schema]:
    """What may be written below a field; for a list, below each of its items."""
    found: dict[str, Schema] = {}
    for choice in choices(field, document):
        found |= choice.get("properties", {})
        if isinstance(choice.get("items"), Mapping):
            found |= fields_of(choice["items"], document)
    return found


def type_of(field: Schema, document: Schema) -> str:
    """The type in words: ``string``, ``list of string``, ``always | never``."""
    words = (_type(choice, document) for choice in choices(field, document))
    return " | ".join(dict.fromkeys(word for word in words if word != "null")) or "any"


def _type(field: Schema, document: Schema) -> str:
    if "enum" in field:
        return " | ".join(map(_word, field["enum"]))
    if "const" in field:
        return _word(field["const"])
    if isinstance(field.get("type"), list):
        return str(field["type"][0])  # numbers too are taken as the text they are
    if field.get("type") == "array":
        return f"list of {type_of(field.get('items', {}), document)}"
    values = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")]
    if isinstance(values[0], Mapping):
        return f"map of {type_of(values[0], document)}"
    return str(field.get("type", "any"))


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _about(field: Schema, document: Schema) -> str:
    """What is said of a field, or else of what may stand there."""
    said = resolve(field, document).get("description")
    there = (choice.get("description") for choice in choices(field, document))
    return str(said or next(filter(None, there), ""))


def field_lines(path: str, field: Schema, document: Schema, *, width: int) -> list[Line]:
    """One field as text."""
    head = [Span(path, Style.STRONG), Span(f"  <{type_of(field, document)}>", Style.CALM)]
    if "default" in field:
        head.append(Span(f"  default: {shown(field['default'])}", Style.FAINT))
    rows = [tuple(head)]
    if cost := COSTS.get(str(field.get("x-apply", ""))):
        rows.append(line(Span(f"  a change is applied {cost}", Style.FAINT)))
    rows += _paragraphs(_about(field, document), width)
    if examples := field.get("examples"):
        rows.append(line("  example: ", ", ".join(map(shown, examples))))
    if below := fields_of(field, document):
        required = {name for one in choices(field, document) for name in one.get("required", ())}
        rows += [(), line(Span("FIELDS", Style.FAINT))]
        for name, one in below.items():
            rows += _short(name, one, document, needed=name in required)
            rows += _paragraphs(_about(one, document).partition("\n\n")[0], width, indent=6)
    return rows


def _short(name: str, field: Schema, document: Schema, *, needed: bool) -> list[Line]:
    default = field.get("default")
    said = f" = {shown(default)}" if isinstance(default, str | int | float) else ""
    head = [Span(f"  {name}"), Span(f"  <{type_of(field, document)}>", Style.CALM)]
    head += [Span(said, Style.FAINT), Span("  required" if needed else "", Style.CHANGE)]
    return [tuple(head)]


def _first(text: str) -> str:
    return text.strip().partition("\n")[0]


def _paragraphs(text: str, width: int, *, indent: int = 2) -> list[Line]:
    parts = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    room = max(width - indent, 40)
    return [line(" " * indent + row) for part in parts for row in textwrap.wrap(part, room)]
