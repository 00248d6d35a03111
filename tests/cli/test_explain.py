"""explain: from a path to what may be written there."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.cli.explain import field_lines, fields_of, type_of, walk
from reconciler.cli.outcome import Failure
from reconciler.core.lines import plain

DOCUMENT: dict[str, Any] = {
    "description": "A toy.\n\nIt does things.",
    "type": "object",
    "required": ["command"],
    "properties": {
        "command": {
            "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}],
            "description": "What runs.",
            "x-apply": "restart",
        },
        "restart": {"allOf": [{"$ref": "#/definitions/Restart"}], "default": {"policy": "always"}},
        "ports": {"type": "array", "items": {"$ref": "#/definitions/Port"}},
        "env": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
        "maybe": {"anyOf": [{"$ref": "#/definitions/Port"}, {"type": "null"}], "default": None},
    },
    "definitions": {
        "Restart": {
            "type": "object",
            "description": "How it is\nstarted again.\n\nMore of it.",
            "properties": {"policy": {"enum": ["always", "never"], "default": "always"}},
        },
        "Port": {
            "type": "object",
            "description": "One port.",
            "properties": {"port": {"type": "integer"}, "open": {"enum": [False, "auto"]}},
        },
    },
}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("command", "list of string | string"),
        ("restart", "object"),
        ("restart.policy", "always | never"),
        ("RESTART.Policy", "always | never"),
        ("ports", "list of object"),
        ("ports.port", "integer"),
        ("env", "map of string"),
        ("maybe.port", "integer"),
        ("maybe.open", "false | auto"),
    ],
)
def test_a_path_leads_to_its_field(path: str, kind: str) -> None:
    """References, lists and alternatives are followed; case does not matter."""
    assert type_of(walk(DOCUMENT, path.split("."), "Toy"), DOCUMENT) == kind


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("comand", "did you mean command?"),
        ("zzz", "fields: command, restart"),
        ("command.x", "none"),
    ],
)
def test_an_unknown_field_is_refused(path: str, hint: str) -> None:
    """The closest name, or all there are."""
    with pytest.raises(Failure, match="has no field") as caught:
        walk(DOCUMENT, path.split("."), "Toy")
    assert hint in caught.value.hint


def test_a_field_reads_as_agreed() -> None:
    """Type, default, cost of a change, meaning, and what is below."""
    field = walk(DOCUMENT, ["restart"], "Toy")
    assert [
        plain(row).rstrip() for row in field_lines("Toy.restart", field, DOCUMENT, width=80)
    ] == [
        'Toy.restart  <object>  default: {policy: "always"}',
        "  How it is started again.",
        "  More of it.",
        "",
        "FIELDS",
        '  policy  <always | never> = "always"',
    ]
    command = field_lines("Toy.command", DOCUMENT["properties"]["command"], DOCUMENT, width=80)
    assert "  a change is applied by a restart" in [plain(row) for row in command]


def test_a_kind_says_what_is_required() -> None:
    """The top of a kind lists its fields, the required ones marked."""
    rows = [plain(row) for row in field_lines("Toy", DOCUMENT, DOCUMENT, width=100)]
    at = rows.index("  command  <list of string | string>  required")
    assert rows[at + 1] == "      What runs."
    # What says nothing itself is what may stand there; of more than one paragraph, the first.
    for name in ("  restart  <object>", "  maybe  <object>"):
        at = rows.index(name)
        assert rows[at + 1] in {"      How it is started again.", "      One port."}
    assert list(fields_of(DOCUMENT, DOCUMENT)) == ["command", "restart", "ports", "env", "maybe"]
