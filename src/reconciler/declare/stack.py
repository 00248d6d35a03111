"""Several resources that run together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

from ..clients.files import make_private, write_atomic
from ..core.errors import Terminal, Transient
from ..core.model import Ref
from ..settings import ROOT_NOTE, Settings, read_settings
from ..specs.folder import Files
from ..specs.problem import Problem
from ..specs.yaml_text import to_yaml
from .resources import Declared, here

DIFFERENT, UNHEALTHY = 1, 3
FILE_MODE = 0o600
"""What is declared may hold what should not be read by everybody."""

_written: Final = re.compile(r"\bdeclared/([a-z0-9-]+\.yaml):\d+")


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
        """Declare more. Raises ValueError for a name that is taken, TypeError for no resource."""
        for resource in resources:
            if not isinstance(resource, Declared):
                raise TypeError(_no_resource(resource))
            if (other := self._resources.get(resource.ref)) is not None:
                raise ValueError(f"{resource.ref} is declared twice: {other.place} and here")
            self._resources[resource.ref] = resource
        return self

    def __iter__(self) -> Iterator[Declared]:
        return iter(self._resources.values())

    def write(self, folder: str | Path) -> list[Path]:
        """Write one YAML file for each resource; the folder loads to what is declared.

        A file of the same name is replaced, and none is removed: where the folder holds other
        specs, of resources that are not declared any more or by hand, it is FileExistsError,
        and nothing is written.
        """
        target = Path(folder)
        own = {_file_of(one) for one in self}
        if others := [name for name in _specs_in(target) if name not in own]:
            raise FileExistsError(
                f"{target} holds specs that are not declared: {', '.join(others)}; "
                "remove them, or write into a folder of its own"
            )
        return self._write(target)

    def _write(self, target: Path) -> list[Path]:
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
        from concurrent.futures import ThreadPoolExecutor

        from ..app import plan_once

        self._check()
        # In a thread of its own: who calls may be in a loop already, as in a notebook.
        with self._elsewhere() as settings, ThreadPoolExecutor(1) as thread:
            plan: Mapping[str, Any] = thread.submit(asyncio.run, plan_once(settings)).result()
        return plan

    def up(self) -> bool:
        """Start the stack in the background and wait for it, a minute at most; is it healthy?

        Where it runs already, it is given what is declared now. Raises Transient when it cannot
        be started.
        """
        running, settings = self.is_running, self._prepare()
        verb = ["apply", "--wait", "--timeout", "1m"] if running else ["up", "--detach"]
        places = ["--specs", str(settings.specs), "--state-dir", str(settings.state_dir)]
        # A process of its own: forking this one, with its threads, would be asking for trouble.
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *verb, *places],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in {0, DIFFERENT, UNHEALTHY}:
            raise Transient(done.stderr.strip().removeprefix("error: "), reason="NotStarted")
        return done.returncode == 0

    @property
    def is_running(self) -> bool:
        """Whether the stack runs now, healthy or not."""
        from ..stack.place import Place, holder

        place = Place(self.settings.state_dir, self.settings.specs)
        return holder(place) is not None

    def run(self) -> int:
        """Run the stack until Ctrl-C; the exit code."""
        from ..cli.terminal import Terminal as Talk
        from ..cli.up import up

        return up(self._prepare(), Talk())

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
        found = read_settings(None, state)
        return replace(found, specs=found.declared, worktree=True, base=self.root)

    def _prepare(self) -> Settings:
        """Put what is declared where the operator reads it."""
        self._check()
        folder = self.settings.specs
        _make(folder)
        # Before the specs: whoever reads them must know what their paths mean.
        write_atomic(folder / ROOT_NOTE, os.fsencode(self.root), mode=FILE_MODE)
        written = {path.name for path in self._write(folder)}
        for path in folder.glob("*.yaml"):
            if path.name not in written:
                path.unlink()
        return self.settings

    def _check(self) -> None:
        if problems := self.validate():
            raise Invalid(problems)

    @contextmanager
    def _elsewhere(self) -> Iterator[Settings]:
        """Settings under which what is declared stands in files that go again."""
        with TemporaryDirectory(prefix="reconciler-") as name:
            folder = Path(name) / "declared"
            folder.mkdir()
            self._write(folder)
            yield replace(self.settings, specs=folder)

    def _placed(self, problem: Problem) -> Problem:
        owners = {_file_of(one): one for one in self}

        def place(written: re.Match[str]) -> str:
            return str(owners[written[1]].place) if written[1] in owners else written[0]

        message, hint = (_written.sub(place, text) for text in (problem.message, problem.hint))
        one = owners.get(problem.path.name)
        if one is None:
            return problem._replace(message=message, hint=hint)
        path, line = one.place
        message = f"{one.ref}: {message}"
        return problem._replace(path=path, line=line, column=1, message=message, hint=hint)


def _file_of(one: Declared) -> str:
    return f"{one.ref.kind.lower()}-{one.ref.name}.yaml"


def _make(folder: Path) -> None:
    try:
        make_private(folder)
    except OSError as exc:
        text = f"cannot make {exc.filename}: {exc.strerror}"
        raise Transient(text, reason="WriteFailed") from exc


def _specs_in(folder: Path) -> list[str]:
    """The files in a folder that would be loaded; none when there is no such folder."""
    if not folder.is_dir():
        return []
    return [name.partition("/")[2] for name in Files(folder.absolute()).read().files]


def _no_resource(value: object) -> str:
    if isinstance(value, type) and issubclass(value, Declared):
        return f'{value.__name__} is a kind; declare one of it: {value.__name__}("web", …)'
    said = type(value).__name__
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f"a {said} is no resource; give what is in it, with a star: *resources"
    return f'a {said} is no resource; declare one: Process("web", command=["python3", "web.py"])'
