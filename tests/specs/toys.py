"""Small kinds to try the specs on, and a folder to write them in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from reconciler.core.kind import Kind, Kinds
from reconciler.core.lines import Span, plain
from reconciler.core.model import Apply, Health, HealthCode, Need, Ref, Resource, Spec, State
from reconciler.core.notes import problem_lines
from reconciler.core.sealed import Sealed
from reconciler.core.units import Duration, Size
from reconciler.kinds.route.matching import Match
from reconciler.specs.load import Loader
from reconciler.specs.nodes import USUAL, Limits
from reconciler.specs.problem import Problem
from reconciler.specs.source import Source, open_source

KEY = b"a key for tests"
HEAD = "apiVersion: reconciler.dev/v1\nkind: App\nmetadata: {name: %s}\n"


class EnvFile(Spec):
    path: str
    optional: bool = False


class Port(Spec):
    name: str
    port: Annotated[int, Field(ge=1, le=65535)]


class Stop(Spec):
    grace: int = 10


class AppSpec(Spec):
    """A program, as far as tests of the specs need one."""

    not_yet: ClassVar[tuple[str, ...]] = ("probes", "limits.memory", "mode=cron", "ports.weight")

    command: Annotated[tuple[str, ...] | str | None, Apply.RESTART] = None
    shell: str | None = None
    args: tuple[str, ...] = ()
    """Words for the command."""
    working_dir: str = "."
    env: Annotated[dict[str, str | Sealed], Apply.RESTART] = Field(default_factory=dict)
    env_file: tuple[str | EnvFile, ...] = ()
    url: str | Sealed = ""
    password: Sealed | None = None
    mode: Literal["service", "oneshot", "cron"] = "service"
    ports: Annotated[tuple[Port, ...], Field(min_length=1)] = ()
    proxy: Literal[False] | int = False
    replicas: int = 1
    ratio: float = 1.0
    pause: Annotated[Duration, Field(ge=0.1, le=86400)] = 1.0
    room: Annotated[Size, Field(ge=1 << 20)] = 1 << 20
    codes: Annotated[tuple[Annotated[int, Field(le=255)], ...], Field(min_length=1)] = (0,)
    enabled: bool = True
    stop: Stop = Stop()
    needs: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_program(self) -> AppSpec:
        if self.command is not None and self.shell is not None:
            raise ValueError("write only one of command and shell")
        return self


class PlainSpec(Spec):
    """A kind with next to nothing in it: what is looked at across resources."""

    title: str = ""
    match: Match = Match()
    reserved: dict[str, str] = Field(default_factory=dict)


class Nothing(State):
    pass


def _health(_: object) -> Health:
    return Health(HealthCode.HEALTHY, "Fine", "")


def _needs(resource: Resource[AppSpec]) -> tuple[Need, ...]:
    return tuple(Need(Ref(*need.split("/", 1)), "started") for need in resource.spec.needs)


def _toy(name: str, spec: type[Spec], **more: Any) -> Kind[Any, Any, Any]:
    more.setdefault("needs", lambda _: ())
    return Kind(
        name=name,
        Spec=spec,
        State=Nothing,
        wave=0,
        render=lambda _: Nothing(),
        steps=lambda _: (),
        health=_health,
        **more,
    )


TOYS: Kinds = {
    "App": _toy("App", AppSpec, needs=_needs),
    "Route": _toy("Route", PlainSpec),
    "Gateway": _toy("Gateway", PlainSpec),
}


class SpecFolder:
    """A folder with ``specs/`` in it, loaded again and again."""

    def __init__(
        self,
        root: Path,
        *,
        environ: Mapping[str, str] | None = None,
        worktree: bool = False,
        limits: Limits = USUAL,
    ) -> None:
        self.root = root
        self.specs = root / "specs"
        self.specs.mkdir(exist_ok=True)
        self.environ = dict(environ or {})
        self._how = (worktree, limits)
        self.loader = self.fresh_loader()
        self.load = self.loader.load

    def fresh_loader(self) -> Loader:
        """A loader that remembers nothing."""
        worktree, limits = self._how
        source: Source = open_source(self.specs, worktree=worktree, limits=limits)
        return Loader(TOYS, source, root=self.root, environ=self.environ, key=KEY)

    def said(self) -> list[str]:
        """Every problem there is, as one line each."""
        return [str(problem) for problem in self.load().problems]

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file below ``specs/``."""
        path = self.specs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def app(self, name: str, spec: str = "", *, file: str = "") -> Path:
        """Write one App; ``spec`` is the text below ``spec:``, without indentation."""
        return self.write(file or f"{name}.yaml", app(name, spec))

    def git(self, *words: str) -> str:
        """What git says in the root."""
        names = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@localhost"}
        names |= {"GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@localhost"}
        own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        env = {**own, **names, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        done = subprocess.run(
            ["git", "-c", "init.defaultBranch=main", *words],
            cwd=self.root,
            env=env,
            check=True,
            capture_output=True,
        )
        return done.stdout.decode().strip()

    def commit(self) -> str:
        """Commit everything; the new revision."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a change")
        return self.git("rev-parse", "HEAD")


def app(name: str, spec: str = "") -> str:
    """The text of one App."""
    lines = "".join(f"  {line}\n" for line in spec.splitlines())
    return HEAD % name + (f"spec:\n{lines}" if lines else "")


def told(problem: Problem) -> list[str]:
    """What a person reads of a problem."""
    return [plain(row) for row in problem_lines(problem.to_json(), head=Span(""))]
