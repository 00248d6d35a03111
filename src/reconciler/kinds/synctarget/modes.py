"""Permissions, which git does not keep: written beside a target's files, and given back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from ...clients.git_objects import PROGRAM, TREE, Entry

OURS: Final = ".reconciler"
"""The folder of a repository that holds what is ours and nobody's data."""
PRIVATE_FILE: Final = 0o600
PRIVATE: Final = 0o700
_GIVEN: Final = 0o777
"""Set-user-id, set-group-id and the like are for no remote to give."""
_GIVEN_FOLDERS: Final = 0o1777


@dataclass(frozen=True, slots=True)
class Modes:
    """What most have, and each that has others; a folder's path ends in a slash."""

    files: int
    programs: int
    folders: int
    others: Mapping[str, int] = field(default_factory=dict)

    def of(self, path: str, entry: Entry) -> int:
        """The permissions to restore a path with."""
        if entry.mode == TREE:
            return self.others.get(f"{path}/", self.folders or PRIVATE) & _GIVEN_FOLDERS
        usual = self.programs if entry.mode == PROGRAM else self.files
        return self.others.get(path, usual or private(entry)) & _GIVEN


def private(entry: Entry) -> int:
    """What is restored without a word about its permissions is its owner's alone."""
    return PRIVATE if entry.mode in {TREE, PROGRAM} else PRIVATE_FILE


def place_of_modes(name: str) -> PurePosixPath:
    """Where in a repository the permissions of a target are written."""
    return PurePosixPath(OURS, "modes", f"{name}.json")


def encode(modes: Modes) -> bytes:
    """As JSON with one path per line, so that a diff shows what changed."""
    others = {path: f"{perm:o}" for path, perm in sorted(modes.others.items())}
    usual = {"files": modes.files, "programs": modes.programs, "folders": modes.folders}
    said = {name: f"{perm:o}" for name, perm in usual.items() if perm}
    return json.dumps({"version": 1, **said, "others": others}, indent=0).encode() + b"\n"


def decode(content: bytes) -> Modes | None:
    """What a file of permissions says; None when nobody can have written it so."""
    try:
        told = json.loads(content)
        others = {str(path): _perm(text) for path, text in told.get("others", {}).items()}
        files, programs, folders = (
            _perm(told.get(name, "0")) for name in ("files", "programs", "folders")
        )
        return Modes(files, programs, folders, others)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None


def _perm(text: Any) -> int:
    found = int(text, 8)
    if not 0 <= found <= 0o7777:  # noqa: PLR2004 (all the bits there are)
        raise ValueError(text)
    return found
