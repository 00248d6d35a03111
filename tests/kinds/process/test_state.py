from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest

from reconciler.core.diff import diff
from reconciler.core.model import Apply, Origin, Ref, Resource, Verb
from reconciler.core.sealed import Sealed
from reconciler.kinds.process import KIND
from reconciler.kinds.process.actions import (
    Load,
    Remove,
    Start,
    Stop,
    Unload,
    WriteProgram,
    WriteRecord,
)
from reconciler.kinds.process.spec import ProcessSpec
from reconciler.kinds.process.state import Program, digest, stamp, unstamp


def program(index: int = 0, **given: Any) -> Program:
    given = {"command": ["x"], **given}
    for other in ("shell", "script"):
        if other in given:
            del given["command"]
    written = Resource(
        Ref("Process", f"web-{index}"),
        ProcessSpec.model_validate(given, by_alias=True, by_name=False),
        Origin(PurePath("a.yaml"), 1),
        root=PurePath("/root/of"),
        index=index,
    )
    return KIND.render(written)


@pytest.mark.parametrize(
    ("given", "argv"),
    [
        ({"command": "a b", "args": ["c d"]}, ("a", "b", "c d")),
        ({"shell": "a && b"}, ("/bin/bash", "-lc", "a && b")),
        ({"shell": 'a "$1"', "args": ["x"]}, ("/bin/bash", "-lc", 'a "$1"', "bash", "x")),
        ({"script": "a.py", "args": ["-v"]}, ("a.py", "-v")),
    ],
)
def test_what_is_executed(given: dict[str, Any], argv: tuple[str, ...]) -> None:
    """Arguments are appended to whichever form was chosen."""
    assert program(**given).argv == argv


def test_paths_numbers_and_ports() -> None:
    """Folders are relative to the specs' parent; an instance knows its number and its ports."""
    seen = program(
        2,
        workingDir="./app",
        ports=[
            {"name": "http", "port": 80},
            {"name": "b", "port": 90},
            {"name": "c", "port": 1, "env": "C"},
        ],
    )
    assert seen.working_dir == "/root/of/app"
    assert seen.env == {"REPLICA_INDEX": "2", "PORT": "82", "C": "3"}
    assert program(workingDir="/abs").working_dir == "/abs"
    assert program(ports=[{"name": "http", "port": 80}], env={"PORT": "1"}).env["PORT"] == "1"
    assert program(stop={"grace": "1500ms"}).grace == 2


def test_a_stamp_says_everything_supervisord_knows() -> None:
    """Reading it back gives the same settings; anything else gives none."""
    seen = program(priority=5, restart={"policy": "never"})
    assert Program(**unstamp(stamp(seen))).priority == 5
    assert stamp(Program(**unstamp(stamp(seen)))) == stamp(seen)
    assert unstamp("-") == {}
    assert unstamp("") == {}


def test_the_digest_covers_what_needs_a_restart() -> None:
    """Secrets count by their digest; being started does not count."""
    one = program(env={"K": Sealed("a")})
    assert digest(one) != digest(program(env={"K": Sealed("b")}))
    assert digest(one) == digest(one.model_copy(update={"started": False, "installed": False}))


def test_a_secret_survives_the_way_to_disk_as_a_digest() -> None:
    """What is observed equals what is desired, though only the digest was kept."""
    wanted = program(env={"K": Sealed.of("canary", b"key"), "P": "x"})
    text = wanted.model_dump_json(by_alias=True)
    assert "canary" not in text
    assert Program.model_validate_json(text) == wanted


def names(before: Program | None, after: Program | None) -> list[type]:
    change = diff(Ref("Process", "web-0"), after, before)
    assert change is not None
    return [type(action) for action in KIND.steps(change)]


WEB = program()
OFF = program(enabled=False)
UP = [WriteRecord, WriteProgram, Load]


@pytest.mark.parametrize(
    ("before", "after", "actions"),
    [
        (None, WEB, [*UP, Start]),
        (None, OFF, UP),
        (WEB, None, [Stop, Unload, Remove]),
        (WEB, program(env={"A": "1"}), [WriteRecord, Stop, Start]),
        (OFF, program(env={"A": "1"}, enabled=False), [WriteRecord, Stop]),
        (WEB, program(priority=1), [WriteRecord, Stop, Unload, WriteProgram, Load, Start]),
        (WEB, OFF, [Stop]),
        (OFF, WEB, [Start]),
        (WEB.model_copy(update={"installed": False}), WEB, [WriteRecord, WriteProgram]),
        (
            OFF.model_copy(update={"installed": False}),
            WEB,
            [WriteRecord, WriteProgram, Load, Start],
        ),
    ],
    ids=[
        "create",
        "create-off",
        "delete",
        "env",
        "env-off",
        "priority",
        "disable",
        "enable",
        "file",
        "unloaded",
    ],
)
def test_each_change_calls_for_the_least(
    before: Program | None, after: Program | None, actions: list[type]
) -> None:
    """An edit of the environment does not make supervisord read its file; a stop only stops."""
    assert names(before, after) == actions


def test_each_field_says_what_changing_it_costs() -> None:
    """The plan names a restart as one."""
    change = diff(Ref("Process", "web-0"), program(env={"A": "1"}), WEB)
    assert change is not None
    assert (change.verb, change.apply) == (Verb.UPDATE, Apply.RESTART)
    change = diff(Ref("Process", "web-0"), program(stop={"grace": "5s"}), WEB)
    assert change is not None
    assert change.apply is Apply.RECREATE
