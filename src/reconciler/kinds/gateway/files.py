"""The gateway's files: what we ship, and the one include that a Gateway's fields decide."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, Self

INCLUDE: Final = "gateway.conf"
ASSETS: Final = Path(__file__).parents[2] / "assets" / "gateway"
_MARK: Final = re.compile(r"# Written by reconciler for Gateway/([-a-z0-9]+);")
_CODE: Final = re.compile(r"^# code ([0-9a-f]+)$", re.MULTILINE)
_LISTEN: Final = re.compile(r"^listen (?:\[([0-9a-f:.]+)\]|([0-9.]+)):([0-9]+);$", re.MULTILINE)


class Place(NamedTuple):
    """Where the gateway of one stack keeps its things."""

    state_dir: Path

    @property
    def prefix(self) -> Path:
        return self.state_dir / "state" / "gateway"

    @property
    def include(self) -> Path:
        return self.prefix / INCLUDE

    @property
    def table(self) -> Path:
        return self.prefix / "table.json"

    @property
    def record(self) -> Path:
        return self.state_dir / "state" / "processes" / "gateway.json"

    @property
    def run(self) -> Path:
        return self.state_dir / "run"


class Include(NamedTuple):
    """What gateway.conf says. ``name`` is None when the file is not ours."""

    name: str | None
    listen: int
    bind: str
    code: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a file of ours, however a hand has changed it since."""
        mark, code = _MARK.match(text), _CODE.search(text)
        bind, port = parse_listen(text)
        return cls(mark[1] if mark else None, port, bind, code[1] if code else "")

    def text(self) -> str:
        """The file."""
        host = f"[{self.bind}]" if ":" in self.bind else self.bind
        return (
            f"# Written by reconciler for Gateway/{self.name}; a change by hand is undone.\n"
            f"# code {self.code}\n"
            f"listen {host}:{self.listen};\n"
        )


def parse_listen(text: str) -> tuple[str, int]:
    """Address and port of a listen directive; ``("", 0)`` when there is none of ours."""
    found = _LISTEN.search(text)
    return (found[1] or found[2], int(found[3])) if found else ("", 0)


def shipped() -> dict[str, bytes]:
    """nginx.conf and the Lua of this edition of reconciler, by their path in the prefix."""
    lua = sorted(ASSETS.glob("lua/**/*.lua"))
    return {
        str(path.relative_to(ASSETS)): path.read_bytes() for path in (ASSETS / "nginx.conf", *lua)
    }


def edition(files: Mapping[str, bytes]) -> str:
    """Names the content of ``files``."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
