"""The forms in which a spec refers to what is elsewhere."""

from __future__ import annotations

import shlex

from . import nodes
from .nodes import Node, Scalar


def source_of(node: nodes.Mapping) -> nodes.Mapping | None:
    """What stands after ``from``, where that is all there is."""
    if len(node.entries) != 1 or "from" not in node.entries:
        return None
    value = node.entries["from"].value
    return value if isinstance(value, nodes.Mapping) else None


def env_file_of(item: Node) -> tuple[bool, Scalar | None]:
    """Whether the file may be missing, and its path, where the item is well formed."""
    if isinstance(item, Scalar):
        return False, item if item.text else None
    if not isinstance(item, nodes.Mapping):
        return False, None
    path, optional = item.entries.get("path"), item.entries.get("optional")
    lenient = optional is not None and getattr(optional.value, "text", "").lower() == "true"
    usable = path is not None and isinstance(path.value, Scalar) and path.value.text
    return lenient, path.value if usable and path and isinstance(path.value, Scalar) else None


def words(text: str) -> list[str] | None:
    """The words of a command line; None when it has none."""
    try:
        return shlex.split(text)
    except ValueError:
        return None
