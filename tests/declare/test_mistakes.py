"""What a program declares wrongly is said at once: what, where, and how to mend it."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from reconciler import Gateway, Process, Stack
from reconciler.declare import fields
from reconciler.kinds import KINDS


class Level(str, Enum):  # noqa: UP042 (the older way, whose str() is another)
    """A choice that is text too."""

    HIGH = "high"


class Word(str):
    """Text of a library's own."""

    __slots__ = ()


def process(**values: Any) -> Process:
    """A process with what no type checker would let pass."""
    return Process("web", **({"command": "sleep 1"} | values))


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: Stack("x"), "a str is no resource; declare one: Process"),
        (
            lambda: Stack().add([process()]),
            "a list is no resource; give what is in it",
        ),
        (lambda: Stack().add(Process), "Process is a kind; declare one of it"),
        (lambda: Process(5, command="x"), "the name of a Process comes first, as text: "),
        (lambda: process(command=object()), "Process.command cannot be of type object; write text"),
        (lambda: process(command=iter("ab")), "Process.command cannot .* make a list of it"),
        (
            lambda: process(env={"A": b"hunter2"}),
            "Process.env.A cannot be of type bytes; decode",
        ),
        (lambda: process(env={b"A": "x"}), "a name in Process.env cannot be of type bytes"),
        (lambda: process(labels={"a": object()}), "Process.labels.a cannot be of type object"),
        (lambda: process(restart={1: 2}), "a field of Process.restart has a name, not one of type"),
        (lambda: process(depends_on=[process()]), r"depends_on\[0\] cannot be of type Process"),
        (lambda: process(ports=[{"zzz": 1}]), r"Process.ports\[0\] has no field zzz; it has name,"),
    ],
)
def test_what_no_spec_can_hold_is_refused(declare: Callable[[], object], said: str) -> None:
    """As a TypeError where it is written, without the value: that may be a secret."""
    with pytest.raises(TypeError, match=said) as refused:
        declare()
    assert "hunter2" not in str(refused.value)


def test_what_is_like_text_or_like_a_list_is_taken(tmp_path: Path) -> None:
    """Whatever library it comes from; a set always in the same order."""
    one = process(
        command=deque([Word("sleep"), "1"]),
        env={"LEVEL": Level.HIGH},
        labels=MappingProxyType({"a": Word("b")}),
        inherit_env={"TZ", "PATH", "LANG"},
    )
    assert Stack(one).validate() == ()
    assert one.spec == {
        "command": ["sleep", "1"],
        "env": {"LEVEL": "high"},
        "inheritEnv": ["LANG", "PATH", "TZ"],
    }


def test_a_tuple_is_as_good_as_a_list() -> None:
    """To a type checker too, in every field of every kind."""
    for kind in KINDS:
        typed = getattr(fields, f"{kind}Fields").__annotations__
        assert not [name for name, one in typed.items() if "list[" in str(one)]


def test_a_problem_names_the_other_line_too() -> None:
    """Not the file that nobody wrote."""
    line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
    first = Gateway(listen=7001)
    second = Gateway("other", listen=7002)
    (problem,) = Stack(first, second).validate()
    lines = {problem.line, int(problem.message.rpartition(":")[2])}
    assert lines == {line, line + 1}
    assert f"another is in {__file__}:" in problem.message


def test_a_process_is_no_guess_for_itself() -> None:
    """Nor is any other that only is a process too."""
    for names in ("a",), ("a", "b", "web"):
        first, *others = (Process(name, command="x") for name in names)
        first.spec["dependsOn"] = ["nope"]
        (problem,) = Stack(first, *others).validate()
        assert "needs Process/nope" in problem.message
        assert problem.hint == ""
