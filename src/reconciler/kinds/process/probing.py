"""What probes find, put into the vitals of processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from ...clients.execution import Surroundings
from ...clients.prober import Prober, Subject
from ...core.errors import ReconcileError, Transient
from ...core.model import Json, Observed
from ...core.probe import Role
from ...core.sealed import Sealed
from ...core.verdict import Standing, Verdict, is_awaited, ready, told
from ...stack.record import Refusal, environment, read_record
from .actions import ProcessAction
from .backend import Backend
from .state import Program

_ALIVE: Final = frozenset({"starting", "running"})


class _Judged(NamedTuple):
    """A process with its verdicts, and what that was made from."""

    before: Observed[Program]
    standing: Standing | None
    after: Observed[Program]


class Probing:
    """Keeps processes as another driver does, and has the live ones probed.

    Without a prober nobody looks, and nothing is known: to read is to leave no trace.
    """

    def __init__(self, driver: Backend, prober: Prober | None, state_dir: Path) -> None:
        self._driver = driver
        self._prober = prober
        self._state_dir = state_dir
        self._subjects: dict[str, tuple[Observed[Program], Subject]] = {}
        self._judged: dict[str, _Judged] = {}
        self._seen: Mapping[str, Observed[Program]] = {}
        self._probed: dict[str, Observed[Program]] = {}

    async def observe(self) -> Mapping[str, Observed[Program]]:
        """Every program that is known, and what its probes say."""
        return self.judge(await self._driver.observe())

    async def apply(self, action: ProcessAction) -> None:
        """Do one thing; it may have been done before."""
        await self._driver.apply(action)

    async def apply_all(
        self, work: Mapping[str, Sequence[ProcessAction]]
    ) -> Mapping[str, ReconcileError | None]:
        """Do the steps of many at once; what is not in the answer was not touched."""
        return await self._driver.apply_all(work)

    async def last_lines(self, name: str) -> Sequence[str]:
        """The last output of ``name`` before its last end."""
        return await self._driver.last_lines(name)

    def judge(self, seen: Mapping[str, Observed[Program]]) -> Mapping[str, Observed[Program]]:
        """The same processes, with what their probes say; to be called within the event loop."""
        if seen is not self._seen:
            self._seen = seen
            self._probed = {n: one for n, one in seen.items() if one.state.probes is not None}
        probed = self._probed
        if self._prober is not None:
            self._subjects = dict(self._follow(probed))
            self._prober.follow({name: one for name, (_, one) in self._subjects.items()})
        self._judged = {name: self._judge(name, one) for name, one in probed.items()}
        if not probed:
            return seen
        return {**seen, **{name: one.after for name, one in self._judged.items()}}

    def _follow(
        self, probed: Mapping[str, Observed[Program]]
    ) -> Iterator[tuple[str, tuple[Observed[Program], Subject]]]:
        for name, one in probed.items():
            known = self._subjects.get(name)
            if known is not None and known[0] is one:
                yield name, known
            elif _life(one):
                yield name, (one, self._subject(name, one))

    def _subject(self, name: str, one: Observed[Program]) -> Subject:
        assert one.state.probes is not None  # noqa: S101 (only those are asked about)
        log = one.vitals.get("log")
        return Subject(
            life=_life(one),
            probes=one.state.probes,
            born=float(one.vitals["since"]),
            log=Path(log) if log else None,
            around=partial(self._surroundings, name, one.state),
        )

    def _surroundings(self, name: str, program: Program) -> Surroundings:
        """What the process itself was given; secrets are read when needed, and not kept."""
        try:
            record = read_record(str(self._state_dir / "state" / "processes" / f"{name}.json"))
        except Refusal as exc:
            raise Transient(str(exc), reason="Unreadable") from exc
        env = environment(record, str(self._state_dir / "run" / "environ"))
        secret = (key for key, value in program.env.items() if isinstance(value, Sealed))
        return Surroundings(
            env=env,
            cwd=program.working_dir,
            user=program.user,
            umask=program.umask,
            secrets=tuple(env[key] for key in secret if key in env),
        )

    def _judge(self, name: str, one: Observed[Program]) -> _Judged:
        alive = self._prober is not None and name in self._subjects
        standing = self._prober.standing(name) if self._prober is not None and alive else None
        known = self._judged.get(name)
        if known is not None and known.before is one and known.standing is standing:
            return known
        return _Judged(one, standing, replace(one, vitals=_vitals(one, standing)))


def _life(one: Observed[Program]) -> str:
    """Names one life of a process; empty while it has none."""
    vitals = one.vitals
    if vitals.get("state") not in _ALIVE or not vitals.get("pid") or not vitals.get("born"):
        return ""
    return f"{vitals['pid']}.{vitals['born']}"


def _vitals(one: Observed[Program], standing: Standing | None) -> dict[str, Json]:
    is_alive = one.vitals.get("state") in _ALIVE
    is_ready = is_alive and standing is not None and ready(standing) is Verdict.SUCCESS
    meets = [word for word in one.vitals.get("meets", ()) if word != "ready"]
    return {
        **one.vitals,
        "ready": is_ready,
        "readiness": _readiness(standing),
        "meets": [*meets, "ready"] if is_ready else meets,
        "probes": told(standing) if standing is not None else {},
        "readySince": _since(one, standing) if is_ready and standing is not None else None,
    }


def _readiness(standing: Standing | None) -> str:
    """The verdict in a word; ``awaited`` before the first one of a life that was seen to begin."""
    if standing is None:
        return "unknown"
    return "awaited" if is_awaited(standing) else str(ready(standing))


def _since(one: Observed[Program], standing: Standing) -> float:
    """Since when something may be sent to it."""
    gates = (standing.findings.get(role) for role in (Role.STARTUP, Role.READINESS))
    return max([found.since for found in gates if found], default=float(one.vitals["since"] or 0))
