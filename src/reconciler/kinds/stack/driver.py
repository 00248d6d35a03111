"""Stack, in the world: one file that says what is in force."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, assert_never

from pydantic import ValidationError

from ...clients.files import is_bare, list_files, write_atomic
from ...core.model import Json, Observed
from .actions import Forget, Settle, StackAction
from .state import StackState


class Notes(NamedTuple):
    """One file for each of them."""

    source: Path
    notices: Path | None = None
    revert: Path | None = None


class StackDriver:
    """Keeps the settings of the whole; who needs them reads the specs.

    ``notes`` is where others say how what they do goes: who follows the source, who tells of
    events, who undoes what was taken back.
    """

    def __init__(self, folder: Path, notes: Notes) -> None:
        self._folder = folder
        self._notes = notes

    async def observe(self) -> Mapping[str, Observed[StackState]]:
        return {} if is_bare(self._folder) else await asyncio.to_thread(self._look)

    async def apply(self, action: StackAction) -> None:
        match action:
            case Settle(name, state):
                data = state.model_dump_json().encode()
                await asyncio.to_thread(self._write, name, data)
            case Forget(name):
                await asyncio.to_thread(self._path(name).unlink, missing_ok=True)
            case _:
                assert_never(action)

    def _look(self) -> dict[str, Observed[StackState]]:
        found = {path.stem: _read(path) for path in list_files(self._folder, ".json")}
        return {
            name: Observed(state, owned=True, vitals=self._vitals(state))
            for name, state in found.items()
        }

    def _vitals(self, state: StackState) -> dict[str, Json]:
        found: dict[str, Json] = {}
        if state.source:
            found["source"] = _noted(self._notes.source)
        if state.notifications and self._notes.notices is not None:
            found["notifications"] = _noted(self._notes.notices)
        if state.commits and self._notes.revert is not None:
            found["revert"] = _noted(self._notes.revert)
        return found

    def _write(self, name: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(self._path(name), data)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _noted(path: Path) -> Json:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}


def _read(path: Path) -> StackState:
    """What is in force; what nobody could have written so differs from any that is wanted."""
    try:
        return StackState.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return StackState()
