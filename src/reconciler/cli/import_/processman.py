"""From a pb_processes.json to drafts of processes."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ...core.units import format_duration
from ...specs.problem import shorten
from ..outcome import Failure
from .draft import Draft, Fate, Import, Note
from .json_text import read_json, with_whole_characters
from .names import give_names, legal

PORT: Final = "8090"
RETRIES: Final = 10
LONGEST_BACKOFF: Final = 30.0
INHERITED: Final = Note(
    "environment of the parent",
    Fate.NEARLY,
    "children had all of it; here they get PATH, HOME, LANG and what env says: "
    "name what else they need in inheritEnv",
)
ALWAYS: Final = Note(
    "keep-alive", Fate.CARRIED, "every end is followed by a restart, a good one too"
)
# Go's os.ExpandEnv: ${NAME}, $NAME, and the shell's special variables.
_reference: Final = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*)|([*#$@!?\-0-9])|(\{))")
_name: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_go_part: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS: Final = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0
}  # fmt: skip


def import_processman(path: Path, data_dir: Path | None = None) -> Import:
    """Drafts of all entries. ``data_dir`` is what each ``cwd`` is relative to."""
    entries = read_json(path)
    if not isinstance(entries, list):
        raise Failure(f"{path} holds no list of processes")
    folder = (data_dir or path.parent).absolute()
    result = Import(str(path), notes=[ALWAYS, INHERITED])
    if data_dir is None:
        text = f"taken to be {folder}; --data-dir names another"
        result.notes.append(Note("data directory", Fate.NEARLY, text))
    result.drafts = [_draft(entry, number, folder) for number, entry in enumerate(entries, 1)]
    give_names(result.drafts)
    return result


def _draft(entry: Any, number: int, folder: Path) -> Draft:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not entry["id"]:
        draft = Draft(f"entry {number}")
        draft.drop("id", "an entry without an id was never started")
        return draft
    written, entry = entry, with_whole_characters(entry)
    draft = Draft(entry["id"], legal(entry["id"]))
    if not _program(entry, draft):
        draft.drop("script, command", "an entry with neither was never started")
        return draft
    where = os.path.normpath(folder / _text(entry, "cwd", draft))
    draft.carry("cwd", workingDir=_escaped(where))
    _environment(entry, draft, folder)
    _retries(entry, draft)
    _watch(entry, draft, where)
    for name in entry.keys() - _KNOWN:
        draft.drop(name, "processman does not know it either")
    for name in (name for name in entry if entry[name] != written.get(name)):
        draft.nearly(name, "half of a character in it is \N{REPLACEMENT CHARACTER}, as it was read")
    return draft


_KNOWN: Final = frozenset(
    {"id", "script", "command", "args", "cwd", "env", "interpreter", "maxRetries", "backoff",
     "devMode", "watchPaths"}
)  # fmt: skip


def _text(entry: Mapping[str, Any], name: str, draft: Draft) -> str:
    value = entry.get(name)
    if isinstance(value, str) or value is None:
        return value or ""
    draft.drop(name, "it is not text")
    return ""


def _texts(entry: Mapping[str, Any], name: str, draft: Draft) -> list[str]:
    value = entry.get(name) or []
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    draft.drop(name, "it is no list of text")
    return []


def _program(entry: Mapping[str, Any], draft: Draft) -> bool:
    script, command = (_text(entry, name, draft) for name in ("script", "command"))
    interpreter = _text(entry, "interpreter", draft)
    if command:
        _command(command, draft)
        if script:
            draft.drop("script", "a command is given too, and is used")
        if interpreter:
            draft.drop("interpreter", "a command is run by itself")
    elif script:
        _script(script, interpreter, draft)
    if args := _texts(entry, "args", draft):
        draft.carry("args", args=[_escaped(one) for one in args])
    return bool(script or command)


def _script(script: str, interpreter: str, draft: Draft) -> None:
    draft.carry("script", script=script)
    if interpreter not in {"", "auto"}:
        draft.carry("interpreter", interpreter=interpreter)
    elif script.endswith(".ts"):
        text = "auto takes ts-node from PATH; name node_modules/.bin/ts-node to be sure"
        draft.nearly("interpreter", text)
    elif interpreter:
        draft.carry("interpreter")


def _command(command: str, draft: Draft) -> None:
    try:
        words = shlex.split(command)
    except ValueError:
        words = [command]
    escaped = [_escaped(word) for word in words]
    if len(words) > 1:
        text = "cut into words; the original took it for the name of one program"
        draft.nearly("command", text, command=escaped)
    else:
        draft.carry("command", command=escaped)


def _environment(entry: Mapping[str, Any], draft: Draft, folder: Path) -> None:
    given = entry.get("env") or {}
    env = {"PB_PORT": PORT, "PB_DATA_DIR": _escaped(str(folder))}
    draft.nearly("PB_PORT, PB_DATA_DIR", "written down as the original injects them")
    if not isinstance(given, dict):
        draft.drop("env", "it is no mapping")
        given = {}
    for name, value in given.items():
        if not isinstance(value, str):
            draft.drop(f"env {name}", "it is not text")
            continue
        text, dropped = _expanded(value)
        env[str(name)] = text
        if dropped:
            draft.nearly(f"env {name}", f"{dropped} names no variable, and was always empty")
    if given:
        draft.carry("env", env=env)
    else:
        draft.put({"env": env})


def _expanded(value: str) -> tuple[str, str]:
    """A value with Go's references as specs write them; a missing variable is empty, as there."""
    dropped: list[str] = []

    def reference(found: re.Match[str]) -> str:
        name = found[1] if found[1] is not None else found[2]
        if name and _name.fullmatch(name):
            return f"\0{{{name}:-}}"
        dropped.append(found[0])
        return ""

    text = _reference.sub(reference, value)
    escaped = re.sub(r"\$(?=[${\0])", "$$", text)
    return escaped.replace("\0", "$"), ", ".join(dropped)


def _escaped(text: str) -> str:
    return re.sub(r"\$(?=[${])", "$$", text)


def _retries(entry: Mapping[str, Any], draft: Draft) -> None:
    draft.put({"restart__policy": "always"})
    retries = entry.get("maxRetries")
    if isinstance(retries, int) and not isinstance(retries, bool):
        draft.carry("maxRetries", restart__maxRetries=max(retries, -1))
    elif retries is not None:
        text = f"{shorten(repr(retries))} is no whole number; here it is {RETRIES}"
        draft.nearly("maxRetries", text, restart__maxRetries=RETRIES)
    else:
        text = f"not written: the guide says {RETRIES}, the code gave up at once; here it is"
        draft.nearly("maxRetries", f"{text} {RETRIES}", restart__maxRetries=RETRIES)
    if "backoff" in entry:
        _backoff(str(entry["backoff"]), draft)


def _backoff(text: str, draft: Draft) -> None:
    seconds = _go_duration(text)
    if seconds is None:
        draft.nearly("backoff", f"{text!r} is no duration; 1s, as the original did")
    elif seconds > LONGEST_BACKOFF:
        draft.nearly("backoff", "no wait was longer than 30 s", restart__backoff="30s")
    else:
        draft.carry("backoff", restart__backoff=format_duration(max(seconds, 0.0)))


def _go_duration(text: str) -> float | None:
    parts = _go_part.findall(text)
    if "".join(number + unit for number, unit in parts) != text.lstrip("+") or not parts:
        return 0.0 if text == "0" else None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _watch(entry: Mapping[str, Any], draft: Draft, where: str) -> None:
    paths = _texts(entry, "watchPaths", draft)
    if entry.get("devMode") is True:
        folders = [os.path.normpath(Path(where) / path) for path in paths or ["."]]
        draft.carry("devMode", watch={"paths": folders})
        if paths:
            draft.carry("watchPaths")
        return
    if entry.get("devMode") is False:
        draft.carry("devMode")
    elif entry.get("devMode") is not None:
        draft.drop("devMode", "it is neither true nor false, and is taken for false")
    if paths:
        draft.drop("watchPaths", "devMode is off; `reconciler up --dev` watches all processes")
