from __future__ import annotations

import json
from pathlib import Path

from tests.specs.toys import TOYS

from reconciler.kinds import KINDS
from reconciler.specs import schema


def test_schemas_are_written_and_checked(tmp_path: Path) -> None:
    """A fresh folder is fresh; an edited or missing file is named."""
    schema.write_schema(tmp_path, TOYS)
    assert {path.name for path in tmp_path.iterdir()} == {
        "app.json",
        "route.json",
        "gateway.json",
        "all.json",
    }
    assert schema.check_schema(tmp_path, TOYS) == []
    (tmp_path / "app.json").write_text("{}")
    (tmp_path / "all.json").unlink()
    assert schema.check_schema(tmp_path, TOYS) == ["app.json", "all.json"]


def test_a_field_says_what_it_means_and_costs() -> None:
    """Meaning, default and how a change is applied are in the schema."""
    fields = schema.kind_schema("App", TOYS)["properties"]
    assert fields["args"]["description"] == "Words for the command."
    assert fields["replicas"]["default"] == 1
    assert fields["command"]["x-apply"] == "restart"
    assert "x-apply" not in fields["replicas"]
    assert "probes" not in fields
    assert fields["env"]["additionalProperties"]["anyOf"][0]["type"] == [
        "string",
        "number",
        "boolean",
    ]


def test_the_schema_is_draft_7_and_complete_in_itself() -> None:
    """Editors read draft 7: every reference leads somewhere inside, and stands alone."""
    text = schema.all_schema(KINDS)
    document = json.loads(text)
    assert document["$schema"] == "http://json-schema.org/draft-07/schema#"

    def walk(node: object) -> None:
        if isinstance(node, list):
            for one in node:
                walk(one)
        elif isinstance(node, dict):
            if "$ref" in node:
                assert set(node) == {"$ref"}
                assert node["$ref"].removeprefix("#/definitions/") in document["definitions"]
            assert "$defs" not in node
            for one in node.values():
                walk(one)

    walk(document)
    assert schema.all_schema(KINDS) == text


def test_every_kind_refuses_unknown_fields() -> None:
    """An editor marks a slip as the loader does."""
    definitions = json.loads(schema.all_schema(KINDS))["definitions"]
    for name in KINDS:
        assert definitions[f"{name}.Spec"]["additionalProperties"] is False
