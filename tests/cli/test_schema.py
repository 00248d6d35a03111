"""schema: for editors, written and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def test_written_schemas_are_fresh(reconciler: Any, tmp_path: Path) -> None:
    """What was just written passes the check; what was touched since does not."""
    assert reconciler("schema", "--write", str(tmp_path)).code == 0
    assert reconciler("schema", "--check", str(tmp_path)).code == 0
    (tmp_path / "route.json").write_text("{}")
    code, _, err = reconciler("schema", "--check", str(tmp_path))
    assert code == 1
    assert "route.json" in err
    assert "reconciler schema --write" in err


def test_the_schema_is_printed(reconciler: Any) -> None:
    """Without a flag the schema of all kinds goes to stdout."""
    code, out, err = reconciler("schema")
    assert (code, err) == (0, "")
    assert json.loads(out)["properties"]["kind"]["enum"]


def test_every_kind_can_be_explained(reconciler: Any) -> None:
    """The list of kinds, each kind, and a field by its short name."""
    listed = reconciler("explain").out
    for kind in ("Process", "Route", "Gateway", "Repository", "SyncTarget"):
        assert kind in listed
        code, out, err = reconciler("explain", kind)
        assert (code, err) == (0, "")
        assert out.startswith(f"{kind}.spec  <object>")
    assert "map of string" in reconciler("explain", "proc.env").out
    assert reconciler("explain", "process.spec.command").code == 0
    assert reconciler("explain", "proces").code == 2
