from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.model import Need, Origin, Ref, Resource
from reconciler.core.sealed import Sealed
from reconciler.kinds.process import KIND, collisions
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
        ({"ports": [{"name": "a", "port": "auto"}]}, "not supported yet"),
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
    assert {"probes", "limits", "watch", "rollout", "reload"} <= top


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
