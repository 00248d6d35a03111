"""Probe, in the world: a file that says what to look at, and the prober that looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias, assert_never

from ...clients.execution import Surroundings
from ...clients.files import is_bare, list_files, write_atomic
from ...clients.prober import Prober, Subject
from ...clients.proc import ticks
from ...core.errors import Transient
from ...core.model import Json, Observed
from ...core.probe import Role
from ...core.sealed import KEY, Sealed
from ...core.verdict import Finding, Verdict, told
from .actions import Follow, Forget, ProbeAction
from .state import Watched, probes

INHERITED: Final = ("PATH", "HOME", "LANG")
Version: TypeAlias = tuple[int, int, int]


class ProbeDriver:
    """Looks at what runs elsewhere.

    What is looked at is written down, so that an operator that comes back, and a look without
    one, know it. Without a prober nothing is looked at: to read is to leave no trace.
    """

    def __init__(
        self, folder: Path, prober: Prober | None, environ: Mapping[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._prober = prober
        self._environ = {key: value for key, value in (environ or {}).items() if key in INHERITED}
        self._seen: dict[str, tuple[Version, Watched]] = {}
        self._subjects: dict[str, tuple[Watched, Subject]] = {}
        self._returns: dict[str, tuple[float, int]] = {}

    async def observe(self) -> Mapping[str, Observed[Watched]]:
        """Everything that is looked at, and what was found last."""
        watched = {} if is_bare(self._folder) else await asyncio.to_thread(self._read)
        if self._prober is not None:
            self._subjects = {name: self._subject(name, one) for name, one in watched.items()}
            self._prober.follow({name: one for name, (_, one) in self._subjects.items()})
        return {
            name: Observed(one, owned=True, vitals=self._vitals(name))
            for name, one in watched.items()
        }

    async def apply(self, action: ProbeAction) -> None:
        match action:
            case Follow(name, watched):
                await asyncio.to_thread(write_atomic, self._path(name), _body(watched))
            case Forget(name):
                await asyncio.to_thread(self._forget, name)
            case _:
                assert_never(action)

    def _read(self) -> dict[str, Watched]:
        try:
            paths = list_files(self._folder, ".json")
            self._seen = {path.stem: self._read_one(path) for path in paths}
        except OSError as exc:
            text = f"cannot read {exc.filename}: {exc.strerror}"
            raise Transient(text, reason="Unreadable") from exc
        return {name: watched for name, (_, watched) in self._seen.items()}

    def _read_one(self, path: Path) -> tuple[Version, Watched]:
        status = path.stat()
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._seen.get(path.stem)
        return known if known and known[0] == version else (version, _parse(path.read_bytes()))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _forget(self, name: str) -> None:
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise Transient(f"cannot remove {path}: {exc.strerror}", reason="WriteFailed") from exc

    def _subject(self, name: str, watched: Watched) -> tuple[Watched, Subject]:
        known = self._subjects.get(name)
        if known is not None and known[0] is watched:
            return known
        around = partial(self._surroundings, watched)
        return watched, Subject(name, probes(watched), adopted=True, around=around)

    def _surroundings(self, watched: Watched) -> Surroundings:
        secrets = {key: one.reveal() for key, one in watched.env.items() if isinstance(one, Sealed)}
        plain = {key: one for key, one in watched.env.items() if isinstance(one, str)}
        return Surroundings(
            env={**self._environ, **plain, **secrets},
            cwd=watched.working_dir,
            secrets=tuple(secrets.values()),
        )

    def _vitals(self, name: str) -> dict[str, Json]:
        standing = self._prober.standing(name) if self._prober is not None else None
        found = standing.findings.get(Role.READINESS) if standing is not None else None
        if standing is None or found is None:
            found = Finding(Verdict.UNKNOWN, 0.0, "nobody has looked yet")
        return {
            "state": str(found.verdict),
            "since": found.since,
            "message": found.message,
            "meets": ["ready"] if found.verdict is Verdict.SUCCESS else [],
            "probes": told(standing) if standing is not None else {},
            **self._life(name, found),
        }

    def _life(self, name: str, found: Finding) -> dict[str, Json]:
        """What was away and came back has begun anew, as far as those who need it can tell."""
        if not found.returns or found.verdict is not Verdict.SUCCESS:
            return {}
        known = self._returns.get(name)
        if known is None or known[0] != found.since:
            known = self._returns[name] = (found.since, ticks(found.since))
        return {"restarts": found.returns, "born": known[1]}


def _body(watched: Watched) -> bytes:
    """What is looked at, with its secrets: nobody else would know them after a restart."""
    secrets = {one.digest: one.reveal() for one in _sealed(watched)}
    body = {"state": watched.model_dump(mode="json", by_alias=True), "secrets": secrets}
    return json.dumps(body, indent=1).encode()


def _sealed(watched: Watched) -> Iterator[Sealed]:
    headers = watched.http.headers if watched.http is not None else {}
    for value in (*headers.values(), *watched.env.values()):
        if isinstance(value, Sealed):
            yield value


def _parse(content: bytes) -> Watched:
    """What a file says; nothing at all, and so never what is wanted, when it makes no sense."""
    try:
        body = json.loads(content)
        return Watched.model_validate(_with_secrets(body["state"], body["secrets"]))
    except (ValueError, LookupError, TypeError, AttributeError):
        return Watched()


def _with_secrets(value: Json, secrets: Mapping[str, str]) -> Json:
    if isinstance(value, dict):
        if value.keys() == {KEY}:
            return Sealed(value[KEY], secrets[value[KEY]])
        return {key: _with_secrets(one, secrets) for key, one in value.items()}
    return value
