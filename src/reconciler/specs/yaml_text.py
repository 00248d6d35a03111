"""Resources as the YAML a person would write; the loader reads back exactly what was meant."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

from ..core.model import Json
from .document import API_VERSION

SHORT: Final = 72
# Plain where every YAML, 1.1 and 1.2, sees text: 22:22, 0o17, 1e3, no and ~ are none of these.
_plain: Final = re.compile(
    r"(?:-{0,2}[A-Za-z_]|\.{0,2}/)[-A-Za-z0-9_./@+$]*(?:[ :=][-A-Za-z0-9_./@+$]+)*"
    r"|[0-9]+(?:ms|[smhd])",
    re.ASCII,
)
_SPECIAL: Final = frozenset(
    word
    for low in ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
    for word in (low, low.capitalize(), low.upper())
)


class _Writer(yaml.SafeDumper):
    """Quotes what may be taken for something else; short lists stay on one line."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 (as yaml calls it)
        super().increase_indent(flow, indentless=False)


def to_document(
    kind: str, name: str, spec: Mapping[str, Json], *, metadata: Mapping[str, Json] | None = None
) -> dict[str, Json]:
    """One resource as the mapping that stands in a file; what is empty is left out."""
    about = {key: value for key, value in (metadata or {}).items() if value}
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name, **about},
        "spec": dict(spec),
    }


def to_yaml(documents: Iterable[Mapping[str, Json]]) -> str:
    """Documents as one text; ``---`` stands between them."""
    return "---\n".join(map(_text, documents))


def from_yaml(data: bytes) -> list[dict[str, Json]]:
    """The documents of a text that we wrote ourselves."""
    return [*yaml.safe_load_all(data)]


def lines_of(mapping: Mapping[str, Json]) -> list[str]:
    """The lines of a mapping, to be put into a file at any depth."""
    return _text(mapping).removesuffix("\n").split("\n")


def inline(value: Json, *, quoted: bool = False) -> str:
    """A value on one line; with ``quoted`` a text stands in double quotes even without need."""
    if isinstance(value, str):
        return value if is_plain(value) and not quoted else _quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{inline(k)}: {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value)


def _quoted(text: str) -> str:
    said: str = yaml.dump(
        text, Dumper=yaml.SafeDumper, default_style='"', allow_unicode=True, width=1 << 31
    )
    return said.removesuffix("\n")


def _text(document: Mapping[str, Json]) -> str:
    return yaml.dump(
        dict(document), Dumper=_Writer, sort_keys=False, allow_unicode=True, width=10_000
    )


def _scalar(writer: _Writer, text: str) -> yaml.Node:
    if is_plain(text):
        return writer.represent_scalar("tag:yaml.org,2002:str", text)
    # What YAML takes for the end of a line would come back as one.
    odd = r"[^\S\n]$|^\s|[\r\t\x85\u2028\u2029]"
    lines = "\n" in text and not re.search(odd, text, re.MULTILINE)
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style="|" if lines else '"')


def is_plain(text: str) -> bool:
    """Whether a text needs no quotes."""
    return _plain.fullmatch(text) is not None and text not in _SPECIAL


def _list(writer: _Writer, items: Any) -> yaml.Node:
    values = list(items)
    flat = all(isinstance(one, str | int | float | bool) for one in values)
    short = flat and sum(len(str(one)) + 2 for one in values) < SHORT
    tag = "tag:yaml.org,2002:seq"
    return writer.represent_sequence(tag, values, flow_style=short or not values)


def _mapping(writer: _Writer, items: Any) -> yaml.Node:
    short = not items or set(items) == {"from"}
    return writer.represent_mapping("tag:yaml.org,2002:map", items.items(), flow_style=short)


_Writer.add_representer(str, _scalar)
_Writer.add_representer(list, _list)
_Writer.add_representer(tuple, _list)
_Writer.add_representer(dict, _mapping)
