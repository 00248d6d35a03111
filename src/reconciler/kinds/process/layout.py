"""Where a stack keeps what concerns its processes."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
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

    def __post_init__(self) -> None:
        for path in (self.state_dir, self.python, self.launcher):
            if found := _unfit.search(str(path)):
                text = f"{path}: {found[0]!r} cannot stand in supervisord's file; use another path"
                raise Terminal(text, reason="PathUnfit")

    @property
    def records(self) -> Path:
        """What each process is to be started with."""
        return self.state_dir / "state" / "processes"

    @property
    def runs(self) -> Path:
        """What each process was started with."""
        return self.state_dir / "run" / "processes"

    @property
    def programs(self) -> Path:
        """The file supervisord reads."""
        return self.state_dir / "state" / "supervisor" / "programs.conf"
