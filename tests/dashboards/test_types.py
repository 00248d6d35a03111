"""Grafana's own types accept the dashboards, and find what is misspelt in one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.dashboards.grafana import dashboard_json
from reconciler.dashboards.pages import DASHBOARDS

from .npm import fetched

SOURCE = Path(__file__).with_name("schema")


@pytest.fixture(scope="module")
def types() -> Path:
    """Where Grafana's types lie; they are fetched once, at the versions of the lock file."""
    try:
        return fetched(SOURCE, "grafana-schema")
    except OSError as why:
        pytest.skip(f"the dashboards are not checked against Grafana's types: {why}")


def compiled(types: Path, folder: Path, boards: Mapping[str, Any]) -> str:
    """What the compiler says of these files; nothing when they are right."""
    for name in ("dashboard.ts", "tsconfig.json"):
        shutil.copy(SOURCE / name, folder)
    (folder / "node_modules").symlink_to(types / "node_modules")
    for name, board in boards.items():
        body = f"export const board: File = {json.dumps(board, indent=1)};\n"
        (folder / f"{name}.ts").write_text(f'import type {{ File }} from "./dashboard";\n{body}')
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    done = subprocess.run(
        ["node", compiler, "-p", folder], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_grafana_knows_every_field(types: Path, tmp_path: Path) -> None:
    """Those that are generated compile; each that was spoiled in one place does not."""
    good = {one.uid: dashboard_json(one) for one in DASHBOARDS}
    text = json.dumps(good["reconciler-overview"])
    faults = {
        "spelling": ('"fieldConfig"', '"fieldConfg"'),
        "number": ('"h": 4', '"h": "4"'),
        "mode": ('"mode": "absolute"', '"mode": "absolut"'),
        "drawing": ('"drawStyle": "line"', '"drawStyle": "lines"'),
        "option": ('"graphMode": "area"', '"graphMode": "areas"'),
        "kind": ('"type": "timeseries"', '"type": "timeserie"'),
        "query": ('"refId": "A"', '"ref": "A"'),
    }
    spoiled = {}
    for name, (right, wrong) in faults.items():
        assert right in text, name
        spoiled[f"spoiled-{name}"] = json.loads(text.replace(right, wrong, 1))
    said = compiled(types, tmp_path, {**good, **spoiled})
    wrong = {
        line.partition("(")[0].removesuffix(".ts") for line in said.splitlines() if "(" in line
    }
    assert {one for one in wrong if "reconciler" in one or "spoiled" in one} == set(spoiled), said
