"""Several resources that run together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from ..clients.files import write_atomic
from ..core.errors import Terminal
from ..core.model import Ref
from ..settings import Settings, read_settings
from ..specs.problem import Problem
from ..specs.yaml_text import to_yaml
from .resources import Declared, here

FILE_MODE = 0o600
"""What is declared may hold what should not be read by everybody."""


class Invalid(Terminal):
    """What is declared is not valid; ``problems`` says why, each with its place."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)), reason="Invalid")
        self.problems = problems


class Stack:
    """Resources that run together, in one state directory.

    ``root`` is what relative paths mean: the folder of the program that declares the stack, unless
    said otherwise. ``state_dir`` is ``.reconciler`` in it, or what RECONCILER_STATE_DIR says.
    """

    def __init__(
        self,
        *resources: Declared,
        root: str | Path | None = None,
        state_dir: str | Path | None = None,
    ) -> None:
        folder = here().path.parent if root is None else Path(root)
        self.root = folder.absolute()
        self._state_dir = None if state_dir is None else Path(state_dir)
        self._resources: dict[Ref, Declared] = {}
        self.add(*resources)

    def add(self, *resources: Declared) -> Self:
        """Declare more. Raises ValueError for a name that is taken."""
        for resource in resources:
            if (other := self._resources.get(resource.ref)) is not None:
                raise ValueError(f"{resource.ref} is declared twice: {other.place} and here")
            self._resources[resource.ref] = resource
        return self

    def __iter__(self) -> Iterator[Declared]:
        return iter(self._resources.values())

    def write(self, folder: str | Path) -> list[Path]:
        """Write one YAML file for each resource; they load to what is declared.

        A file of the same name is replaced, others are left alone.
        """
        target = Path(folder)
        files = {target / _file_of(one): to_yaml([one.document()]).encode() for one in self}
        for path, data in files.items():
            if not path.exists() or path.read_bytes() != data:
                write_atomic(path, data, mode=FILE_MODE)
        return list(files)

    def validate(self) -> tuple[Problem, ...]:
        """What is wrong, with the line that declares it; empty when all is well."""
        from ..cli.reading import read_specs

        with self._elsewhere() as settings:
            return tuple(map(self._placed, read_specs(settings).problems))

    def diff(self) -> Mapping[str, Any]:
        """What would change, as ``reconciler diff -o json`` tells it; it changes nothing."""
        import asyncio

        from ..app import plan_once

        self._check()
        with self._elsewhere() as settings:
            plan: Mapping[str, Any] = asyncio.run(plan_once(settings))
        return plan

    def up(self) -> None:
        """Start the stack in the background and wait until it is healthy, a minute at most.

        Where it runs already, it is given what is declared now.
        """
        self._start(detach=True)

    def run(self) -> int:
        """Run the stack until Ctrl-C; the exit code."""
        return self._start(detach=False)

    def down(self, timeout: float = 120) -> None:
        """Stop the stack, in order, and wait until nothing of it runs."""
        from ..cli.down import down
        from ..cli.terminal import Terminal as Talk

        down(self.settings, Talk(), timeout=timeout)

    def status(self) -> Mapping[str, Any]:
        """How everything is, as ``reconciler status -o json`` tells it."""
        from ..cli.stack import find_operator

        view: Mapping[str, Any] = find_operator(self.settings).status()
        return view

    @cached_property
    def settings(self) -> Settings:
        """Where it lives, and how it is run."""
        told = os.environ.get("RECONCILER_STATE_DIR")
        state = self._state_dir or (Path(told) if told else self.root / ".reconciler")
        specs = state.absolute() / "state" / "declared"
        return replace(read_settings(specs, state, worktree=True), base=self.root)

    def _start(self, *, detach: bool) -> int:
        from ..cli.terminal import Terminal as Talk
        from ..cli.up import up

        self._check()
        written = {path.name for path in self.write(self.settings.specs)}
        for path in self.settings.specs.glob("*.yaml"):
            if path.name not in written:
                path.unlink()
        with _variable("RECONCILER_ROOT", str(self.root)):
            return up(self.settings, Talk(), detach=detach)

    def _check(self) -> None:
        if problems := self.validate():
            raise Invalid(problems)

    @contextmanager
    def _elsewhere(self) -> Iterator[Settings]:
        """Settings under which what is declared stands in files that go again."""
        with TemporaryDirectory(prefix="reconciler-") as name:
            folder = Path(name) / "declared"
            folder.mkdir()
            self.write(folder)
            yield replace(self.settings, specs=folder)

    def _placed(self, problem: Problem) -> Problem:
        for one in self:
            if problem.path.name == _file_of(one):
                path, line = one.place
                message = f"{one.ref}: {problem.message}"
                return problem._replace(path=path, line=line, column=1, message=message)
        return problem


def _file_of(one: Declared) -> str:
    return f"{one.ref.kind.lower()}-{one.ref.name}.yaml"


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment for a while: the stack is handed all of it."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
