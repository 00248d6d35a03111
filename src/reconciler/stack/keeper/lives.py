"""What the keeper writes down of each life, so that its own death forgets nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_LARGE: Final = 256 * 1024


class Lives:
    """A line for each start and each end; the last one of a name is the truth."""

    def __init__(self, path: Path, stack: str) -> None:
        self._path = path
        self._stack = stack
        self._last = self._read()
        self._descriptor = -1
        self._size = 0
        self._rewrite()

    def of(self, name: str) -> Mapping[str, Any]:
        """What was last written of ``name`` in this life of the stack."""
        return self._last.get(name, {})

    def write(self, line: dict[str, Any]) -> None:
        """Add one life's start or end."""
        self._last[line["name"]] = line
        text = json.dumps(line).encode() + b"\n"
        with suppress(OSError):  # a full disk stops no process
            if self._descriptor >= 0:
                self._size += os.write(self._descriptor, text)
            if self._descriptor < 0 or self._size > max(_LARGE, 1024 * len(self._last)):
                self._rewrite()

    def forget(self, name: str) -> None:
        """``name`` is no program any more."""
        if name in self._last:
            self.write({"name": name, "gone": True})
            del self._last[name]

    def _read(self) -> dict[str, dict[str, Any]]:
        last: dict[str, dict[str, Any]] = {}
        with suppress(OSError):
            for text in self._path.read_bytes().splitlines():
                with suppress(ValueError, LookupError, TypeError):
                    line = json.loads(text)
                    last[line["name"]] = line
        kept = {name: line for name, line in last.items() if line.get("stack") == self._stack}
        return {name: line for name, line in kept.items() if not line.get("gone")}

    def _rewrite(self) -> None:
        """Keep the last line of each name; only then let go of the old file."""
        temporary = self._path.with_suffix(".new")
        text = "".join(json.dumps(line) + "\n" for line in self._last.values()).encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        stale = -1
        with suppress(OSError):  # it only grows longer; the old one is still the truth
            stale = os.open(temporary, flags, 0o600)
            if os.write(stale, text) == len(text):
                temporary.replace(self._path)
                stale, self._descriptor, self._size = self._descriptor, stale, len(text)
        if stale >= 0:
            os.close(stale)
