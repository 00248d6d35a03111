"""Grafana's own types accept the dashboards, and find what is misspelt in one."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.dashboards.grafana import dashboard_json
from reconciler.dashboards.pages import DASHBOARDS

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("schema")
PLACE = ROOT / ".cache" / "grafana-schema"


@pytest.fixture(scope="module")
def types() -> Path:
    """Where Grafana's types lie; they are fetched once, at the versions of the lock file."""
    lock = (SOURCE / "package-lock.json").read_bytes()
    have = PLACE / "package-lock.json"
    if have.exists() and have.read_bytes() == lock:
        return PLACE
    if shutil.which("npm") is None:
        pytest.skip("npm is not here: the dashboards are not checked against Grafana's types")
    PLACE.parent.mkdir(exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=PLACE.parent, prefix="grafana-schema-"))
    shutil.copy(SOURCE / "package.json", made)
    shutil.copy(SOURCE / "package-lock.json", made)
    words = ["npm", "ci", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"]
    done = subprocess.run(words, cwd=made, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(made)
        pytest.skip(f"Grafana's types cannot be fetched: {done.stderr.strip()[-200:]}")
    shutil.rmtree(PLACE, ignore_errors=True)
    made.replace(PLACE)
    return PLACE


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
