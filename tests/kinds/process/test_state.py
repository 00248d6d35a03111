from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import Any

import pytest

from reconciler.core.diff import diff
from reconciler.core.model import Apply, Origin, Ref, Resource, Verb
from reconciler.core.request import Asked, Request
from reconciler.core.sealed import Sealed
from reconciler.kinds.process import KIND, STOCK
from reconciler.kinds.process.actions import (
    Keep,
    Reload,
    Remove,
    Replace,
    Start,
    Stop,
    WriteRecord,
)
from reconciler.kinds.process.spec import ProcessSpec
from reconciler.kinds.process.state import (
    Program,
    digest,
    keeping,
    keeping_stamp,
    render_stock,
    stamp,
    unstamp,
)


def program(index: int = 0, **given: Any) -> Program:
    """The wanted shape of what is written."""
    return KIND.render(resource(index, **given))


def resource(index: int = 0, **given: Any) -> Resource[ProcessSpec]:
    given = {"command": ["x"], **given}
    for other in ("shell", "script"):
        if other in given:
            del given["command"]
    return Resource(
        Ref("Process", f"web-{index}"),
        ProcessSpec.model_validate(given, by_alias=True, by_name=False),
        Origin(PurePath("a.yaml"), 1),
        root=PurePath("/root/of"),
        index=index,
    )


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
    assert program(stop={"grace": "1500ms"}).grace == 1.5
    assert render_stock(resource(stop={"grace": "1500ms"})).grace == 2


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


def stock(**given: Any) -> Program:
    return STOCK.render(resource(**given))


def files(content: str) -> dict[str, Any]:
    return {"reload": {"files": [{"path": "a", "digest": content}]}}


WEB = program()
OFF = program(enabled=False)
UP = [WriteRecord, Keep]


@pytest.mark.parametrize(
    ("before", "after", "actions"),
    [
        (None, WEB, [*UP, Start]),
        (None, OFF, UP),
        (WEB, None, [Stop, Remove]),
        (WEB, program(env={"A": "1"}), [WriteRecord, Replace]),
        (OFF, program(env={"A": "1"}, enabled=False), [WriteRecord]),
        (WEB, program(priority=1), UP),
        (WEB, program(priority=1, env={"A": "1"}), [*UP, Replace]),
        (stock(), stock(priority=1), [WriteRecord, Stop, Keep, Start]),
        (stock(), stock(restart={"backoff": "3s"}), UP),
        (WEB, OFF, [Stop]),
        (OFF, WEB, [Start]),
        (WEB.model_copy(update={"installed": False}), WEB, UP),
        (OFF.model_copy(update={"installed": False}), WEB, [*UP, Start]),
        (WEB, WEB.model_copy(update={"epoch": 1}), [WriteRecord, Replace]),
        (OFF, WEB.model_copy(update={"epoch": 1}), [WriteRecord, Start]),
        (program(**files("a")), program(**files("b")), [Reload, WriteRecord]),
        (program(**files("a")), program(**files("b"), env={"A": "1"}), [WriteRecord, Replace]),
    ],
)
def test_each_change_calls_for_the_least(
    before: Program | None, after: Program | None, actions: list[type] | None
) -> None:
    """How it is kept changes live; a stop only stops; what runs is replaced only if it must."""
    if actions is not None:
        assert names(before, after) == actions


def test_a_start_says_why() -> None:
    """The request's cause, or which fields differ: their names, never what is in them."""
    change = diff(Ref("Process", "web-0"), program(env={"A": "canary"}), WEB)
    assert change is not None
    (_, action) = KIND.steps(change)
    assert isinstance(action, Replace)
    assert (action.cause, action.detail) == ("spec", "env.A")
    asked = Request(Asked.RESTART, "user", "it hangs", "root")
    (_, action) = KIND.steps(replace(change, request=asked))
    assert isinstance(action, Replace)
    assert (action.cause, action.detail) == ("user", "by root: it hangs")


def test_the_keeper_is_told_every_setting() -> None:
    """Each setting changes the stamp; what is executed does not."""
    edits: list[dict[str, Any]] = [
        {"restart": {"policy": "never"}},
        {"restart": {"backoff": "2s"}},
        {"restart": {"maxBackoff": "40s"}},
        {"restart": {"strategy": "random"}},
        {"restart": {"healthyAfter": "1s"}},
        {"restart": {"maxRetries": -1}},
        {"restart": {"successExitCodes": [0, 3]}},
        {"stop": {"signal": "INT"}},
        {"stop": {"grace": "100ms"}},
        {"stop": {"preStop": "a b"}},
        {"limits": {"memory": "1Gi"}},
        {"priority": 1},
        {"dependsOn": ["db"]},
        {"logs": {"maxBytes": "1MB"}},
        {"logs": {"backups": 1}},
        {"type": "oneshot"},
    ]
    stamps = {keeping_stamp(keeping("web-0", program(**edit))) for edit in edits}
    assert len(stamps | {keeping_stamp(keeping("web-0", WEB))}) == len(edits) + 1
    assert keeping("web-0", program(env={"A": "1"})) == keeping("web-0", WEB)
    said = keeping("web-0", program(dependsOn=["db", "SyncTarget/data"]))
    assert (said["family"], said["after"]) == ("web", ["db"])


def test_each_field_says_what_changing_it_costs() -> None:
    """The plan names a restart as one."""
    change = diff(Ref("Process", "web-0"), program(env={"A": "1"}), WEB)
    assert change is not None
    assert (change.verb, change.apply) == (Verb.UPDATE, Apply.RESTART)
    for edit, cost, stock_cost in (
        ({"stop": {"grace": "5s"}}, Apply.LIVE, Apply.RECREATE),
        ({"restart": {"backoff": "5s"}}, Apply.LIVE, Apply.LIVE),
        (files("new"), Apply.RELOAD, Apply.RELOAD),
        ({"limits": {"niceness": 5}}, Apply.RESTART, Apply.RESTART),
    ):
        for before, after, said in (
            (program(), program(**edit), cost),
            (stock(), stock(**edit), stock_cost),
        ):
            change = diff(Ref("Process", "web-0"), after, before)
            assert change is not None
            assert change.apply is said
