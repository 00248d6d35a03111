from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.model import Need, Origin, Ref, Resource
from reconciler.core.request import Watch
from reconciler.core.sealed import Sealed
from reconciler.kinds.process import KIND, collisions
from reconciler.kinds.process.actions import Reload
from reconciler.kinds.process.spec import ProcessSpec


def spec(**given: Any) -> ProcessSpec:
    return ProcessSpec.model_validate({"command": ["x"], **given}, by_alias=True, by_name=False)


def resource(name: str, **given: Any) -> Resource[ProcessSpec]:
    return Resource(Ref("Process", name), spec(**given), Origin(PurePath("specs/a.yaml"), 3))


def test_a_command_is_split_into_words() -> None:
    """Text is split as a shell would, and never given to one."""
    assert spec(command="a 'b c' \"d\" ;").command == ("a", "b c", "d", ";")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"command": None}, "none is given"),
        ({"shell": "a"}, "not command and shell"),
        ({"command": "it's"}, "cannot split"),
        ({"command": []}, "at least 1 item"),
        ({"command": ["a", 1]}, "write it in quotes"),
        ({"args": [Sealed("d")]}, "use env"),
        ({"args": ["a\0"]}, "NUL"),
        ({"env": {"A": 1}}, "write it in quotes"),
        ({"env": {"A=B": "1"}}, "pattern"),
        ({"umask": 23}, 'for example "027"'),
        ({"dependsOn": [{"ref": "db", "condition": "restored"}]}, "Process can not be restored"),
        ({"dependsOn": [{"ref": "Route/a", "condition": "ready"}]}, "write no condition"),
        ({"ports": [{"name": "a", "port": 65535}], "replicas": 2}, "would pass 65535"),
        ({"umask": "9"}, "pattern"),
        ({"user": "-x"}, "pattern"),
        ({"interpreter": "python3"}, "only for script"),
        ({"stop": {"signal": "SIGSTOP"}}, "TERM"),
        ({"stop": {"grace": 10}}, "for example 10s"),
        ({"ports": [{"name": "a", "port": "any"}]}, "auto"),
        ({"type": "cron"}, "needs a schedule"),
        ({"schedule": "0 4 * * *"}, "only for type: cron"),
        ({"runOnStart": True}, "only for type: cron"),
        ({"timezone": "UTC", "type": "oneshot"}, "only for type: cron"),
        ({"concurrency": "replace"}, "only for type: cron"),
        ({"type": "cron", "schedule": "0 4 * *"}, "5 fields"),
        ({"type": "cron", "schedule": "61 4 * * *"}, "Bad minute"),
        ({"type": "cron", "schedule": "0 0 30 2 *"}, "not a schedule"),
        ({"type": "cron", "schedule": "@daily", "timezone": "Mars/X"}, "for example Europe"),
        ({"restart": {"backoff": "1m"}}, "raise maxBackoff to at least 1m"),
        ({"restart": {"maxRetries": -2}}, "greater"),
        ({"restart": {"successExitCodes": [256]}}, "255"),
        ({"restart": {"healthyAfter": "0s"}}, "greater"),
        ({"limits": {"niceness": 20}}, "19"),
        ({"limits": {"memory": "1k"}}, "1048576"),
        ({"dependsOn": [{"ref": "db", "onTimeout": "start"}]}, "needs a timeout"),
        ({"watch": {"paths": [""]}}, "at least 1"),
        ({"ports": [{"name": "a", "port": 1}, {"name": "a", "port": 2}]}, "the same name"),
        ({"ports": [{"name": "a", "port": 70000}]}, "65535"),
        ({"dependsOn": ["Process/A"]}, "pattern"),
        ({"comand": "x"}, "Extra"),
        ({"replicas": -1}, "greater"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], says: str) -> None:
    """Each mistake has an error that says how to write it."""
    with pytest.raises(ValidationError, match=says):
        spec(**given)


def test_forms_that_people_write_are_understood() -> None:
    """Signals with or without SIG, users as numbers, dependencies by bare name, secrets in env."""
    given = spec(
        stop={"signal": "sigint", "grace": "500ms"},
        user=1000,
        dependsOn=["db", {"ref": "SyncTarget/data"}, {"ref": "Process/x", "condition": "ready"}],
        env={"KEY": Sealed("d"), "EMPTY": ""},
    )
    assert (given.stop.signal, given.stop.grace, given.user) == ("INT", 0.5, "1000")
    assert [d.need for d in given.depends_on] == [
        Need(Ref("Process", "db"), "started"),
        Need(Ref("SyncTarget", "data"), "restored"),
        Need(Ref("Process", "x"), "ready"),
    ]


def test_what_does_not_work_yet_is_listed_and_has_no_field() -> None:
    """The loader refuses these; a field that is listed is not also accepted."""
    fields = {field.alias for field in ProcessSpec.model_fields.values()}
    top = {path for path in ProcessSpec.not_yet if "." not in path and "=" not in path}
    assert not top & fields


def test_instances_are_numbered() -> None:
    """Each is a resource of its own that knows what it was written as."""
    one, two = KIND.instances(resource("web", replicas=2))
    assert (one.ref.name, two.ref.name, two.index) == ("web-0", "web-1", 1)
    assert two.written_as == Ref("Process", "web")
    assert KIND.instances(resource("web", replicas=0)) == ()


def test_paused_is_stopped() -> None:
    """A process asked to rest is the same one, not enabled."""
    rested = KIND.paused(resource("web"))
    assert not KIND.render(rested).started
    assert KIND.render(rested).argv == KIND.render(resource("web")).argv


def test_a_dependency_has_patience_and_follows() -> None:
    """What is written of it reaches the edge of the graph."""
    given = {"ref": "db", "timeout": "5m", "onTimeout": "start", "onRestart": "restart"}
    (need,) = KIND.needs(resource("web", dependsOn=[given]))
    assert need == Need(Ref("Process", "db"), "started", 300.0, start_anyway=True, follow=True)
    (need,) = KIND.needs(resource("web", dependsOn=["Probe/db"]))
    assert need == Need(Ref("Probe", "db"), "ready")


def test_any_free_port_is_picked_once_for_all() -> None:
    """An instance says what it wants, and is told a number before it is drawn."""
    ports = [{"name": "http", "port": "auto"}, {"name": "b", "port": 90, "env": "B"}]
    _, second = KIND.instances(resource("web", replicas=2, ports=ports))
    assert KIND.ports(second) == {"http": None, "b": 91}
    drawn = KIND.render(KIND.with_ports(second, {"http": 20001}))
    assert (drawn.env["PORT"], drawn.env["B"]) == ("20001", "91")
    assert drawn.ports == {"http": 20001, "b": 91}
    with pytest.raises(AssertionError, match="not given a number"):
        KIND.render(second)


def test_what_is_watched() -> None:
    """The written paths, or the working directory where everything is watched."""
    one = replace(resource("web", watch={"paths": ["src"]}), root=PurePath("/root/of"))
    assert KIND.watches(one, False) == Watch(("/root/of/src",))
    plain = replace(resource("web", workingDir="app"), root=PurePath("/root/of"))
    assert KIND.watches(plain, False) is None
    assert KIND.watches(plain, True) == Watch(("/root/of/app",))


def test_what_makes_it_read_its_files_again() -> None:
    """Only where the spec names a signal."""
    assert KIND.reloads(resource("web")) is None
    assert KIND.reloads(resource("web", reload={"signal": "USR1"})) == Reload("web", "USR1")


def test_defaults() -> None:
    """They are what the guide says."""
    given = spec()
    restart = {"backoff": 1.0, "max_backoff": 30.0, "healthy_after": 10.0, "max_retries": 10}
    assert {name: getattr(given.restart, name) for name in restart} == restart
    assert given.restart.success_exit_codes == (0,)
    assert (given.type, given.concurrency, given.limits.memory) == ("service", "forbid", None)


def test_names_that_mean_two_things_are_told() -> None:
    """An instance's name and the names of the stack's own programs are taken."""
    written = [
        resource("web", replicas=2),
        resource("web-1"),
        resource("web-2"),
        resource("gateway"),
        resource("a-01"),
    ]
    told = dict(collisions(written))
    assert told.keys() == {Ref("Process", "web-1"), Ref("Process", "gateway")}
    assert "specs/a.yaml:3" in told[Ref("Process", "web-1")]


def test_the_schema_knows_both_forms() -> None:
    """Editors accept text and lists for a command, names and objects for a dependency."""
    schema = ProcessSpec.model_json_schema(by_alias=True)
    command = schema["properties"]["command"]["anyOf"]
    assert {form["type"] for form in command} == {"string", "array", "null"}
    assert "pattern" in schema["properties"]["umask"]["anyOf"][0]
    assert "pattern" in schema["properties"]["user"]["anyOf"][0]
    assert {"type": "string"} in schema["$defs"]["Dependency"]["anyOf"]
    assert schema["properties"]["inheritEnv"]["default"] == ["PATH", "HOME", "LANG"]
    assert "description" in schema["properties"]["workingDir"]
