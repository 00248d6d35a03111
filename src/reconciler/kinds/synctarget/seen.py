"""What the notes in a git folder say of a target."""

from __future__ import annotations

from typing import Final

from ...clients.git_folder import GitFolder, Settings
from ...core.model import Json
from .drill import read_drill
from .state import SyncTargetState

SHOWN: Final = (
    "attempt",
    "saved",
    "pushed",
    "backed",
    "restored",
    "restore",
    "files",
    "bytes",
    "conflict",
)


def parse(repository: str, noted: Json) -> SyncTargetState:
    """What a mark says; one that nobody can read differs from any that is wanted."""
    try:
        state = SyncTargetState.model_validate(noted, by_name=True)
    except ValueError:
        return SyncTargetState(
            repository=repository,
            path="",
            excludes=(),
            settle=0.0,
            snapshot="",
            on_start="",
            restored=False,
        )
    return state.model_copy(update={"repository": repository})


def vitals_of(folder: GitFolder, name: str, settings: Settings | None) -> dict[str, Json]:
    """What the notes tell of a target."""
    status, drill = folder.read(f"status/{name}") or {}, read_drill(folder, name, settings)
    return {
        **{fact: status.get(fact) for fact in SHOWN},
        "disabled": settings is not None and not settings.url,
        "interval": settings.interval if settings else None,
        "remote": settings.url if settings else None,
        "skipped": (status.get("skipped") or [])[:100],
        "skippedCount": len(status.get("skipped") or []),
        "remoteAhead": bool(status.get("ahead")),
        "kept": bool(status.get("agreed")),
        "unpushed": status.get("chain") or 0,
        "putAside": status.get("put_aside"),
        "drill": drill,
        "verified": (drill or {}).get("verified"),
        "error": status.get("error"),
    }
