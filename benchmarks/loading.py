"""One changed file among few and among 10,000, against reading everything again."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final

from reconciler.core.model import Ref
from reconciler.kinds import KINDS
from reconciler.specs.load import Loader
from reconciler.specs.source import open_source

from .rounds import OURS, Board, Target, interleave, timed
from .sides import folder, write

FEW: Final = 10
SETTLED: Final = 2.5
"""Seconds after which a file's times are proof that it did not change."""
SPEC: Final = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata:
  name: {name}
  labels: {{stack: bench, tier: backend}}
spec:
  command: [python, -m, app, --port, "8000"]
  workingDir: ./app
  env:
    TZ: Asia/Shanghai
    LEVEL: "{value}"
    GREETING: "a value with spaces: and a colon"
  ports:
    - {{name: http, port: 8000}}
  restart: {{policy: always}}
  stop: {{signal: TERM, grace: 10s}}
"""


def loading(board: Board, *, size: int, rounds: int) -> None:
    """Documents in files of their own."""
    with folder() as few, folder() as many:
        contenders = {
            "few": _one_change(_filled(few, FEW)),
            "many": _one_change(_filled(many, size)),
        }
        single = interleave(contenders, rounds=rounds)
        full = interleave({"full": _everything(many, size)}, rounds=min(rounds, 5), warm=0)
    parse = board.row(f"load 1 changed of {size}", "ms", Target("full load", ahead=100.0))
    parse.add(OURS, *single["many"])
    parse.add("full load", *full["full"])
    flat = board.row(f"load 1 changed of {FEW}", note=f"1x of {size} is flat")
    flat.add(OURS, *single["few"])
    flat.add(f"of {size}", *single["many"])


def _filled(place: Path, size: int) -> Path:
    specs = place / "specs"
    specs.mkdir()
    for number in range(size):
        name = f"p{number:05d}"
        (specs / f"{name}.yaml").write_text(SPEC.format(name=name, value="0"))
    return specs


def _loader(specs: Path) -> Loader:
    source = open_source(specs, worktree=True)
    return Loader(KINDS, source, root=specs.parent, environ={}, key=b"bench")


def _one_change(specs: Path) -> Callable[[], float]:
    loader, values = _loader(specs), count(1)
    loader.load()
    time.sleep(SETTLED)
    loader.load()

    def change() -> float:
        value, parses = str(next(values)), loader.parses
        path = specs / "p00003.yaml"
        write(path, SPEC.format(name="p00003", value=value))
        # As the operator loads it: the watch says where something happened.
        took = timed(lambda: loader.load([str(path)]))
        resource = loader.load().resources[Ref("Process", "p00003")]
        assert resource.spec.env["LEVEL"] == value
        assert loader.parses == parses + 1, "more than the changed document was parsed"
        return took

    return change


def _everything(place: Path, size: int) -> Callable[[], float]:
    def load() -> float:
        loader = _loader(place / "specs")
        took = timed(loader.load)
        assert len(loader.load().resources) == size
        return took

    return load
