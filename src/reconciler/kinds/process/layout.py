"""Where a stack keeps what concerns its processes."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ...core.errors import Terminal

# supervisord's file has no way to write these: " ;" begins a comment, even inside quotes.
_unfit: Final = re.compile(r'[\x00-\x1f\x7f"\\*?\[\]]| [;#]')


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one stack; ``python`` runs ``launcher``."""

    state_dir: Path
    python: Path = Path(sys.executable)
    launcher: Path = Path(__file__).parents[2] / "stack" / "launch.py"
    records: Path = field(init=False)
    """What each process is to be started with."""
    runs: Path = field(init=False)
    """What each process was started with."""
    programs: Path = field(init=False)
    """The file supervisord reads."""

    def __post_init__(self) -> None:
        for path in (self.state_dir, self.python, self.launcher):
            if found := _unfit.search(str(path)):
                text = f"{path}: {found[0]!r} cannot stand in supervisord's file; use another path"
                raise Terminal(text, reason="PathUnfit")
        kept = self.state_dir / "state"
        object.__setattr__(self, "records", kept / "processes")
        object.__setattr__(self, "runs", self.state_dir / "run" / "processes")
        object.__setattr__(self, "programs", kept / "supervisor" / "programs.conf")
