"""What is fetched from npm at the versions of a lock file, once."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

CACHE: Final = Path(__file__).parents[2] / ".cache"


def fetched(source: Path, name: str) -> Path:
    """Where the packages of the lock file in ``source`` lie; an OSError says why they do not."""
    place = CACHE / name
    lock = (source / "package-lock.json").read_bytes()
    have = place / "package-lock.json"
    if have.exists() and have.read_bytes() == lock:
        return place
    if shutil.which("npm") is None:
        raise OSError("npm is not here")
    CACHE.mkdir(exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=CACHE, prefix=f"{name}-"))
    shutil.copy(source / "package.json", made)
    shutil.copy(source / "package-lock.json", made)
    words = ["npm", "ci", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"]
    done = subprocess.run(words, cwd=made, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(made)
        raise OSError(f"npm fetched nothing: {done.stderr.strip()[-200:]}")
    shutil.rmtree(place, ignore_errors=True)
    made.replace(place)
    return place
