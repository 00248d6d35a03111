"""How well a SyncTarget does. Reads vitals; never compared with the spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...core.model import Health, HealthCode, Json, Observed
from ...core.status import Told
from ...core.units import format_bytes
from .state import SyncTargetState

NAMED: Final = 3
INCOMPLETE: Final = frozenset(
    {
        *("TooLarge", "Unreadable", "Unstable", "DatabaseBusy", "DatabaseDamaged", "TooDeep"),
        *("UploadFailed", "Uploading", "SecretHeld"),
    }
)
"""Reasons that mean a backup lacks something it should have."""
NOTHING: Final = "nothing lies there yet, and the remote has nothing of it; what comes is backed up"


def health(seen: Observed[SyncTargetState]) -> Health:
    vitals = seen.vitals
    if vitals.get("disabled"):
        why = "its Repository has no url, so nothing is restored and nothing kept"
        return Health(HealthCode.SUSPENDED, "Disabled", why)
    if not seen.state.restored:
        return _unrestored(vitals, staged=seen.state.staged)
    return _trouble(vitals) or _well(vitals)


def told(seen: Observed[SyncTargetState]) -> Iterator[Told]:
    """Whether a drill has shown that the backup can be restored."""
    drill = seen.vitals.get("drill") or {}
    if drill.get("at") is not None:
        yield Told(
            "RestoreVerified",
            drill["ok"],
            "Drilled" if drill["ok"] else "DrillFailed",
            _drilled(drill),
        )
    elif drill.get("since") is not None:
        yield Told("RestoreVerified", None, "NotDrilled", "there was no restore drill yet")


def lacking(vitals: Mapping[str, Any]) -> list[dict[str, str]]:
    """What a backup should have and does not."""
    return [one for one in vitals.get("skipped") or () if one["reason"] in INCOMPLETE]


def summary(status: Mapping[str, Any]) -> dict[str, Json]:
    """What there is of a target now, for who ordered something."""
    facts = {"files": "files", "bytes": "bytes", "pushed": "pushed", "commit": "seen"}
    found = {name: status.get(fact) for name, fact in facts.items()}
    lacks, conflict = lacking(status), (status.get("conflict") or {}).get("branch")
    found |= {"skipped": len(status.get("skipped") or []), "lacks": len(lacks)}
    nothing = status.get("files") == 0 and not status.get("agreed") and not lacks
    notes = [_name(lacks)] if lacks else [NOTHING] if nothing else []
    return {**found, "conflict": conflict, "notes": notes}


def _unrestored(vitals: Mapping[str, Any], *, staged: bool) -> Health:
    trouble, progress = vitals.get("error"), vitals.get("progress")
    if vitals.get("letGo"):
        why = trouble["message"] if trouble else "it is not restored"
        ready = "; the backup is ready, and put in place once nobody writes here" if staged else ""
        text = f"its users started without a restore, so nothing is backed up: {why}{ready}"
        return Health(HealthCode.DEGRADED, "StartedWithout", text)
    if trouble:
        return Health(HealthCode.DEGRADED, trouble["reason"], trouble["message"])
    if vitals.get("overdue"):
        text = "the restore takes longer than restore.timeout; what needs it waits on"
        return Health(HealthCode.DEGRADED, "Overdue", text)
    if progress:
        return Health(HealthCode.PROGRESSING, "Restoring", _progress(progress))
    text = (
        "the backup is ready; waits until nobody writes here" if staged else "waits for its restore"
    )
    return Health(HealthCode.PROGRESSING, "NotRestored", text)


def _trouble(vitals: Mapping[str, Any]) -> Health | None:
    conflict, trouble, drill = vitals.get("conflict"), vitals.get("error"), vitals.get("drill")
    if conflict:
        return Health(
            HealthCode.DEGRADED,
            "Conflicted",
            f"changed here and on the remote: {_paths(conflict)}; the remote keeps its version, "
            f"ours is in its branch {conflict['branch']}",
        )
    if trouble:
        return Health(HealthCode.DEGRADED, trouble["reason"], trouble["message"])
    if drill and drill.get("ok") is False:
        return Health(HealthCode.DEGRADED, "DrillFailed", _drilled(drill))
    lacks = lacking(vitals)
    return _incomplete(lacks) if lacks else None


def _well(vitals: Mapping[str, Any]) -> Health:
    if vitals.get("backed") is None:
        empty = (vitals.get("restore") or {}).get("result") == "empty"
        text = (
            "the remote is empty; waits for its first backup"
            if empty
            else "waits for its first backup"
        )
        return Health(HealthCode.PROGRESSING, "NotBackedUp", text)
    if vitals.get("files") == 0 and not vitals.get("kept"):
        return Health(HealthCode.HEALTHY, "NothingYet", NOTHING)
    if vitals.get("watch"):
        return Health(HealthCode.HEALTHY, "Scanning", f"backed up; {vitals['watch']}")
    return Health(HealthCode.HEALTHY, "BackedUp", _notes(vitals.get("skipped") or ()))


def _drilled(drill: Mapping[str, Any]) -> str:
    if drill["ok"]:
        size, databases = format_bytes(drill["bytes"]), drill["databases"]
        return f"restored and looked at: {drill['files']} files, {size}, {databases} databases"
    where = f"{drill['path']}: " if drill["path"] else ""
    return f"a drill could not restore what the remote has: {where}{drill['message']}"


def _progress(progress: Mapping[str, Any]) -> str:
    files, size = progress.get("files"), format_bytes(progress["bytes"])
    if not progress.get("filesTotal"):
        return "the remote's newest version is being fetched"
    whole = format_bytes(progress["bytesTotal"])
    return f"{files} of {progress['filesTotal']} files, {size} of {whole}"


def _paths(conflict: Mapping[str, Any]) -> str:
    paths = [path or "all of it" for path in conflict.get("paths") or [""]]
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(paths[:NAMED]) + more


def _incomplete(lacking: list[dict[str, str]]) -> Health:
    reasons = {one["reason"] for one in lacking}
    if reasons == {"Uploading"}:
        return Health(HealthCode.PROGRESSING, "Uploading", _name(lacking))
    reason = "UploadFailed" if reasons <= {"UploadFailed", "Uploading"} else "Incomplete"
    reason = "SecretHeld" if reasons == {"SecretHeld"} else reason
    return Health(HealthCode.DEGRADED, reason, _name(lacking))


def _name(lacking: list[dict[str, str]]) -> str:
    first = lacking[0]
    more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return f"the backup lacks {first['path']}{more}: {first['message']}"


def _notes(skipped: tuple[dict[str, str], ...] | list[dict[str, str]]) -> str:
    found = [one for one in skipped if one["reason"] == "SecretFound"]
    lacking = len(skipped) - len(found)
    text = "the remote holds what lies here"
    text += f", but for {lacking} that git cannot keep" if lacking else ""
    return text + (f"; {found[0]['path']}: {found[0]['message']}" if found else "")
