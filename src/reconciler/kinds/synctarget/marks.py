"""Marks of ownership: a note per target in the git folder of its repository."""

from __future__ import annotations

from pathlib import Path

from ...clients.git_folder import GitFolder, GitFolders
from ...core.errors import Terminal, Transient
from .cache import drop_cache
from .drill import DRILL, arm
from .large.keys import KEYS, write_keys
from .place import Place, place_of
from .ready import NOTE
from .state import SyncTargetState


class Marks:
    """What is kept where, written down."""

    def __init__(self, folders: GitFolders, stack: Path) -> None:
        self._folders = folders
        self._stack = stack

    def set(self, name: str, state: SyncTargetState) -> None:
        """Keep it so from now on. Raises ReconcileError when that would undo something else."""
        folder = self._folders.open(state.repository)
        settings = folder.demand_settings()
        _refuse_own(place_of(name, state, settings.base, stack=self._stack), self._stack)
        _refuse_overlap(folder, name, state.path)
        noted = folder.read(f"targets/{name}")
        if noted is not None and noted.get("path") != state.path:
            for topic in ("status", NOTE):
                folder.drop(f"{topic}/{name}")  # speaks of another path
        self.drop(name, but=folder)
        arm(folder, name, state)
        write_keys(folder, name, state)
        folder.write(f"targets/{name}", state.model_dump(mode="json", by_alias=False))

    def drop(self, name: str, *, but: GitFolder | None = None) -> None:
        """Keep it no longer, unless in one folder."""
        for folder, _ in tuple(self._folders.configured()):
            if folder is not but and folder.read(f"targets/{name}") is not None:
                drop_cache(folder.own / "cache" / f"{name}.db")
                for topic in ("status", NOTE, DRILL, KEYS, "targets"):
                    folder.drop(f"{topic}/{name}")


def _refuse_own(place: Place, stack: Path) -> None:
    if place.path.resolve().is_relative_to(stack.resolve()):
        raise Terminal(
            f"SyncTarget/{place.name} ({place.path}) lies in the state directory {stack}, "
            "which holds secrets; choose another path",
            reason="PathRefused",
        )


def _refuse_overlap(folder: GitFolder, name: str, path: str) -> None:
    """Two targets that share a path would undo each other. Either may go, so it is tried again."""
    mine = path.rstrip("/") + "/"
    for other, noted in folder.notes("targets"):
        theirs = str(noted.get("path", "")).rstrip("/") + "/"
        if other != name and (mine.startswith(theirs) or theirs.startswith(mine)):
            raise Transient(
                f"SyncTarget/{name} ({path}) overlaps SyncTarget/{other} ({noted['path']}); "
                "give each a path of its own",
                reason="PathOverlap",
            )
