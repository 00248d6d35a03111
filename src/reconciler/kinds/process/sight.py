"""From what the keeper and the record say of a program to what it is: state and vitals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...clients.keeper import Entry
from ...core.model import Json, Observed
from .records import Record
from .state import EXECUTED, Program, keeping, keeping_stamp

_BOUND: Final = frozenset({"running", "starting", "stopping", "completed", "failed"})
"""States in which a program is, or was, what its last start made it; else what the next will."""
_MEETS: Final[dict[str, list[str]]] = {
    "starting": ["started"],
    "running": ["started", "ready"],
    "completed": ["started", "completed"],
    "armed": ["started"],
}


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is known of one program.

    ``running`` is what its live process was started with, where that is not what the record says
    and is known; ``leftover`` says that supervisord's file still speaks of it.
    """

    name: str
    entry: Entry | None = None
    record: Record | None = None
    running: Program | None = None
    leftover: bool = False
    cron: Json = None


def is_other(entry: Entry | None, record: Record | None) -> bool:
    """Whether it runs, or ran to its end, as something else than the record says."""
    if entry is None or entry["state"] not in _BOUND or not entry["digest"]:
        return False
    return record is None or bool(entry["digest"] != record.digest)


def observe(sight: Sight, state_dir: Path) -> Observed[Program]:
    """What it is, as far as keeper and record tell."""
    return Observed(program(sight), owned=True, vitals=vitals(sight, state_dir))


def program(sight: Sight) -> Program:
    """What runs, as the keeper tells it; what would run, by the record, when nothing does."""
    entry, record = sight.entry, sight.record
    written = record.program if record is not None else Program()
    update: dict[str, Json] = {"installed": _installed(sight), "started": started(entry)}
    update["epoch"] = entry["epoch"] if entry is not None else 0
    if is_other(entry, record):
        executed = sight.running or Program()
        update |= {name: getattr(executed, name) for name in EXECUTED}
    if all(getattr(written, name) == value for name, value in update.items()):
        return written  # as it is written, it runs: one object for both, among hundreds
    return written.model_copy(update=update)


def _installed(sight: Sight) -> bool:
    entry, record = sight.entry, sight.record
    if entry is None or record is None or sight.leftover or is_other(entry, record):
        return False
    return bool(entry["stamp"] == keeping_stamp(keeping(sight.name, record.program)))


def started(entry: Entry | None) -> bool:
    """Whether it is wanted to run; what is not quite gone yet is not stopped."""
    return entry is not None and (bool(entry["wanted"]) or entry["state"] == "stopping")


def vitals(sight: Sight, state_dir: Path) -> dict[str, Json]:
    """The volatile facts, for people and for dependents; nothing in them ages by itself."""
    entry = sight.entry
    if entry is None:
        return {
            "instance": sight.name,
            "state": "stopped",
            "meets": [],
            "log": str(state_dir / "log" / f"{sight.name}.log"),
            "message": "supervisord does not know it",
            "system": False,
        }
    state = str(entry["state"])
    found: dict[str, Json] = {
        "instance": sight.name,
        "state": state,
        "since": entry["since"],
        "restarts": entry["restarts"],
        "failures": entry["failures"],
        "brief": entry.get("brief", 0),
        "next": entry["next"],
        "causes": entry["causes"],
        "lastExit": entry["last"],
        "warning": entry.get("warning"),
        "message": message(entry),
        "ready": state == "running",
        "meets": _MEETS.get(state, []),
        "log": str(state_dir / entry["log"]),
        "gaveUp": state == "failed",
        "system": False,
    }
    if entry["pid"]:
        found |= {"pid": entry["pid"], "revision": entry["revision"]}
    if entry["pid"] and state != "stopping":
        # The life that comes next decides who began first, not the one that ends.
        found["born"] = entry["born"]
        found["readySince"] = entry["since"] if state == "running" else None
    if entry.get("runs"):
        found["runs"] = entry["runs"]
    if entry.get("memory") is not None:
        found["memory"] = entry["memory"]
    if sight.cron is not None:
        found["cron"] = sight.cron
    return found


def message(entry: Entry) -> str:
    """What a person should know of its trouble; nothing when there is none."""
    state = entry["state"]
    if state not in {"backoff", "failed"}:
        return ""
    why = str(entry["error"]) or _end(entry["last"])
    if state == "backoff":
        return why if entry["failures"] else f"{why}, a good end; is started again"
    tries = entry["failures"]
    return f"gave up after {tries} failures in a row: {why}" if tries > 1 else f"gave up: {why}"


def _end(last: Json) -> str:
    if not last:
        return "it ended"
    if last.get("signal"):
        return f"killed by SIG{last['signal']}"
    return f"exited with code {last.get('code')}"
