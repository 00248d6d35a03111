"""Programs that keep a copy of a tree: restic and rsync, as a script calls them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from .rounds import timed
from .sides import present


@dataclass(slots=True)
class Copies:
    """Copies ``app`` below ``base`` anew each time; it finds by itself what changed."""

    name: str
    base: Path
    changed: str
    words: list[str]
    read_back: list[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    first: float = 0.0
    _values: Iterator[int] = field(default_factory=lambda: count(1))

    def change(self) -> float:
        """Milliseconds until one changed file is in the copy."""
        value = f"value {next(self._values)}\n".encode()
        (self.base / self.changed).write_bytes(value)
        took = timed(lambda: self.run(self.words))
        assert self.run(self.read_back) == value, f"{self.name}: not copied"
        return took

    def idle(self) -> float:
        """Milliseconds of a copy in which nothing is new."""
        return timed(lambda: self.run(self.words))

    def run(self, words: list[str]) -> bytes:
        """What one of its commands prints."""
        environ = {**os.environ, **self.environ}
        done = subprocess.run(words, cwd=self.base, env=environ, capture_output=True, check=True)
        return done.stdout


def copies(place: Path, base: Path, changed: str) -> list[Copies]:
    """Those that are installed, each with a first copy of ``base`` in ``place``."""
    found = [MAKERS[name](place / name, base, changed) for name in present(tuple(MAKERS))]
    for one in found:
        one.first = one.idle()
    return found


def _restic(place: Path, base: Path, changed: str) -> Copies:
    place.mkdir()
    (place / "password").write_text("bench\n")
    environ = {
        "RESTIC_REPOSITORY": str(place / "repository"),
        "RESTIC_PASSWORD_FILE": str(place / "password"),
        "RESTIC_CACHE_DIR": str(place / "cache"),
    }
    back = ["restic", "dump", "--quiet", "latest", f"/{changed}"]
    words = ["restic", "backup", "--quiet", "app"]
    made = Copies("restic", base, changed, words, back, environ)
    made.run(["restic", "init", "--quiet"])
    return made


def _rsync(place: Path, base: Path, changed: str) -> Copies:
    # By itself it looks at whole seconds, and does not see a file that changes twice in one.
    words = ["rsync", "-a", "--delete", "--modify-window=-1", "app/", f"{place}/app/"]
    place.mkdir()
    return Copies("rsync", base, changed, words, ["cat", str(place / changed)])


MAKERS: Final[Mapping[str, Callable[[Path, Path, str], Copies]]] = {
    "restic": _restic,
    "rsync": _rsync,
}
