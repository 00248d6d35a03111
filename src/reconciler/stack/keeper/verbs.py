"""What may be asked of the keeper: one function for each verb of the wire."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from signal import Signals
from typing import TYPE_CHECKING, Any, Final

from .policy import Settings

if TYPE_CHECKING:
    from .keeper import Keeper
    from .program import Program

_Refused = dict[str, str]


def perform_all(keeper: Keeper, operations: list[Any]) -> list[_Refused | None]:
    """Do things in order; one that could not be kept as it was told is not started then."""
    unkept: dict[str, _Refused | None] = {}
    found = []
    for operation in operations:
        verb, name = operation[:2] if isinstance(operation, list) else ("", "")
        why = unkept.get(name) if verb in ("start", "replace") else None
        why = why or perform(keeper, operation)
        if verb == "keep":
            unkept[name] = why
        found.append(why)
    return found


def perform(keeper: Keeper, operation: Any) -> _Refused | None:
    """Do one thing; what is wrong with it, if anything."""
    try:
        verb, name, given = operation
        if verb == "keep":
            return _keep(keeper, name, given)
        if verb not in _VERBS:
            return _refused("UnknownVerb", f"the keeper cannot {verb}")
        program = keeper.programs.get(name)
        if program is None:
            return None if verb == "remove" else _refused("UnknownProgram", f"{name} is not kept")
        return _VERBS[verb](program, given)
    except Exception as exc:  # noqa: BLE001 (one bad operation does not stop the others)
        return _refused("BadRequest", f"{type(exc).__name__}: {exc}")


def _keep(keeper: Keeper, name: str, given: Mapping[str, Any]) -> _Refused | None:
    settings = Settings.read(given["settings"])
    try:
        program = keeper.know(name)
    except ValueError as exc:
        return _refused("NameTaken", str(exc))
    program.keep(str(given["stamp"]), settings)
    return None


def _start(program: Program, given: Mapping[str, Any]) -> None:
    program.begin(*_cause(given))


def _replace(program: Program, given: Mapping[str, Any]) -> None:
    program.replace(*_cause(given))


def _run(program: Program, given: Mapping[str, Any]) -> _Refused | None:
    if not program.wanted:
        return _refused("NotStarted", f"{program.name} is not to run")
    _, cause, due = _cause(given)
    why = program.run(cause, due, concurrency=str(given.get("concurrency") or "forbid"))
    return _refused("CannotRun", why) if why else None


def _stop(program: Program, _: Mapping[str, Any]) -> None:
    program.rest()


def _remove(program: Program, _: Mapping[str, Any]) -> None:
    program.depart()


def _signal(program: Program, given: Mapping[str, Any]) -> _Refused | None:
    number = Signals[f"SIG{given['signal']}"]
    if not program.pid:
        return _refused("NotRunning", f"{program.name} does not run")
    for pid in program.pids:
        os.kill(pid, number)
    return None


def _cause(given: Mapping[str, Any]) -> tuple[int, str, str]:
    epoch, cause = int(given.get("epoch") or 0), str(given["cause"])
    return epoch, cause, str(given.get("detail") or "")


def _refused(reason: str, message: str) -> _Refused:
    return {"reason": reason, "message": message}


_VERBS: Final[Mapping[str, Callable[[Program, Mapping[str, Any]], _Refused | None]]] = {
    "start": _start,
    "replace": _replace,
    "run": _run,
    "stop": _stop,
    "signal": _signal,
    "remove": _remove,
}
