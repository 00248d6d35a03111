"""The peers, each in an ignored folder of its own, at the version that is compared with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2] / ".cache" / "bench"
PM2_VERSION: Final = "7.0.4"
CIRCUS_VERSION: Final = "0.19.0"
PM2: Final = ROOT / f"pm2-{PM2_VERSION}" / "node_modules" / ".bin"
CIRCUS: Final = ROOT / f"circus-{CIRCUS_VERSION}" / "bin"


def why_absent(name: str) -> str:
    """Make a peer ready; why that cannot be, or nothing."""
    return READY[name]() if name in READY else ""


def _pm2() -> str:
    if (PM2 / "pm2").exists():
        return ""
    if shutil.which("npm") is None:
        return "npm is not installed"
    words = ["npm", "install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts"]
    return _run([*words, "--prefix", str(PM2.parents[1]), f"pm2@{PM2_VERSION}"])


def _circus() -> str:
    if (CIRCUS / "circusctl").exists():
        return ""
    place = CIRCUS.parent
    pip = [str(CIRCUS / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    base = getattr(sys, "_base_executable", sys.executable)
    return _run([base, "-m", "venv", str(place)]) or _run([*pip, f"circus=={CIRCUS_VERSION}"])


def _package(package: str, program: str = "") -> str:
    found = shutil.which(program or package)
    return "" if found else f"the package {package} is not installed"


def _compiler() -> str:
    return "" if shutil.which("cc") else "there is no C compiler"


def _run(words: list[str]) -> str:
    print(f"installing {words[-1]} into {ROOT}", file=sys.stderr)
    ROOT.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 else (done.stderr or done.stdout).strip()[-300:]


READY: Final[Mapping[str, Callable[[], str]]] = {
    "floor": _compiler,
    "pm2": _pm2,
    "circus": _circus,
    "s6": partial(_package, "s6", "s6-svscan"),
    "restic": partial(_package, "restic"),
    "rsync": partial(_package, "rsync"),
}
