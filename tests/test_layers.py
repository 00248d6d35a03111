"""Layers are checked by a tool, or they are fiction: every contract goes red on a planted fault."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import reconciler

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]
]
# contract -> where the fault is planted, and the fault
FAULTS = {
    "The house is layered": ("engine/__init__.py", "import reconciler.api"),
    "Inside a kind": ("kinds/process/spec.py", "import reconciler.kinds.process.state"),
    "Kinds do not know each other": ("kinds/route/spec.py", "import reconciler.kinds.process.spec"),
    "The core is pure": ("core/errors.py", "import asyncio"),
    "Programs of the stack stand alone": ("stack/__init__.py", "import reconciler.core.errors"),
    "The stack does not need the keeper": (
        "stack/place.py",
        "import reconciler.stack.keeper.interface",
    ),
    "Nothing shipped needs the fakes": ("clients/__init__.py", "import reconciler.testing"),
    "The fakes stand on kinds, engine and core": ("testing/__init__.py", "import reconciler.cli"),
    "typer and rich are guests of the cli": ("specs/__init__.py", "import rich"),
    "fastapi, starlette, uvicorn and argon2 are guests of the api": (
        "engine/__init__.py",
        "import starlette",
    ),
    "httpx is a guest of the clients": ("specs/__init__.py", "import httpx"),
    "deepdiff is a guest of core.diff": ("engine/__init__.py", "import deepdiff"),
    "ruamel and yaml are guests of the specs": ("engine/__init__.py", "import yaml"),
}


def plant(folder: Path, faults: list[tuple[str, str]]) -> None:
    """Copy the package into ``folder`` and add the faults to it."""
    source = Path(reconciler.__file__).parent
    ignore = shutil.ignore_patterns("__pycache__", "assets")
    shutil.copytree(source, folder / "reconciler", ignore=ignore)
    shutil.copy(PYPROJECT, folder / "pyproject.toml")
    for place, fault in faults:
        path = folder / "reconciler" / place
        path.write_text(path.read_text() + f"\n{fault}\n")


def lint(folder: Path) -> dict[str, bool]:
    """Contract -> kept, as lint-imports says in ``folder``."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = {}
    for line in done.stdout.splitlines():
        for name in CONTRACTS:
            if line.startswith((f"{name} KEPT", f"{name} BROKEN")):
                verdicts[name] = line.startswith(f"{name} KEPT")
    assert verdicts, done.stdout + done.stderr
    return verdicts


def test_every_contract_has_a_planted_fault() -> None:
    """A new contract comes with its proof."""
    assert set(CONTRACTS) == set(FAULTS)


def test_every_contract_goes_red(tmp_path: Path) -> None:
    """With all faults planted, no contract is kept."""
    plant(tmp_path, list(FAULTS.values()))
    assert lint(tmp_path) == dict.fromkeys(CONTRACTS, False)


@pytest.mark.soak
@pytest.mark.parametrize("contract", CONTRACTS)
def test_one_fault_turns_its_contract_red(contract: str, tmp_path: Path) -> None:
    """Each fault alone is enough."""
    plant(tmp_path, [FAULTS[contract]])
    assert not lint(tmp_path)[contract]
