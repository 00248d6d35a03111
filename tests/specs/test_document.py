from __future__ import annotations

import pytest
from tests.specs.toys import SpecFolder, app, told

from reconciler.core.model import Drift, Ref

WEB = Ref("App", "web")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("comand: x", 'specs/web.yaml:5:3 unknown field "comand"'),
        ("Command: x", 'specs/web.yaml:5:3 unknown field "Command"'),
        ("working_dir: x", 'specs/web.yaml:5:3 unknown field "working_dir"'),
        ("enabled: maybe", 'specs/web.yaml:5:12 "enabled" must be true or false'),
        ("replicas: many", 'specs/web.yaml:5:13 "replicas" must be a whole number'),
        ("replicas: 1.5", 'specs/web.yaml:5:13 "replicas" must be a whole number'),
        ("ratio: x", 'specs/web.yaml:5:10 "ratio" must be a number'),
        ("shell: 5", 'specs/web.yaml:5:10 "shell" must be text'),
        ("mode: servce", 'specs/web.yaml:5:9 "mode" must be service, oneshot or cron'),
        ("proxy: maybe", 'specs/web.yaml:5:10 "proxy" must be false or a whole number'),
        ("needs: x", 'specs/web.yaml:5:10 "needs" must be a list'),
        ("needs:\n  x: y", 'specs/web.yaml:5:3 "needs" must be a list'),
        ("env: [a]", 'specs/web.yaml:5:3 "env" must be a mapping'),
        ("command: {a: b}", 'specs/web.yaml:5:3 "command" must be a list or text'),
        ("command: [a, [b]]", 'specs/web.yaml:5:16 "command[1]" must be text'),
        ("password: x", 'specs/web.yaml:5:13 "password" must be a secret, as {from: {env: NAME}}'),
        ("ports: [{name: a}]", 'specs/web.yaml:5:11 "ports[0].port" is missing'),
        ("ports:\n- name: a\n  port: 0", 'specs/web.yaml:7:11 "ports[0].port" must be at least 1'),
        ("ports: [{name: a, port: 80, prt: 1}]", 'specs/web.yaml:5:31 unknown field "prt"'),
        ("envFile: [{optional: true}]", 'specs/web.yaml:5:13 "envFile[0].path" is missing'),
        ("command: a\nshell: b", "specs/web.yaml:4:1 write only one of command and shell"),
        ("probes: {}", 'specs/web.yaml:5:3 "probes" is not supported yet'),
        ("limits: {memory: 5}", 'specs/web.yaml:5:12 "limits.memory" is not supported yet'),
        ("mode: cron", 'specs/web.yaml:5:9 "mode: cron" is not supported yet'),
        (
            "ports: [{name: a, port: 1, weight: 3}]",
            'specs/web.yaml:5:30 "ports.weight" is not supported yet',
        ),
        ("pause: 50ms", 'specs/web.yaml:5:10 "pause" must be at least 100ms'),
        ("pause: 2d", 'specs/web.yaml:5:10 "pause" must be at most 1d'),
        ("room: 100Ki", 'specs/web.yaml:5:9 "room" must be at least 1Mi'),
        ("room: 100", 'specs/web.yaml:5:9 "room" must be at least 1048576'),
        ("replicas: 1e999", "specs/web.yaml:5:13 the number is too large"),
    ],
)
def test_each_mistake_has_its_place_and_plain_words(
    folder: SpecFolder, spec: str, said: str
) -> None:
    """The first problem points at the key or value and says what it must be."""
    folder.app("web", spec)
    snapshot = folder.load()
    assert said in [str(problem) for problem in snapshot.problems]
    assert snapshot.resources == {}
    assert not snapshot.whole


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("codes: [300]", '5:11 "codes[0]" must be at most 255'),
        ("codes: []", '5:3 "codes" must be at least 1 long'),
        ("ports: [{name: a, port: 0}]", '5:27 "ports[0].port" must be at least 1'),
    ],
)
def test_a_list_is_not_too_short_for_a_wrong_item(folder: SpecFolder, spec: str, said: str) -> None:
    """One mistake is one problem."""
    folder.app("web", spec)
    assert [str(problem) for problem in folder.load().problems] == [f"specs/web.yaml:{said}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "1:1 a document must be a mapping of apiVersion, kind, metadata, spec"),
        ("[]", "1:1 a document must be a mapping of apiVersion, kind, metadata, spec"),
        ("kind: App", '1:1 "apiVersion" is missing'),
        ("kind: App", '1:1 "metadata" is missing'),
        ("apiVersion: v1\nkind: App", '1:13 "apiVersion" must be reconciler.dev/v1'),
        ("apiVersion: [x]\nkind: App", '1:1 "apiVersion" must be text'),
        ("kind: Ap", '1:7 unknown kind "Ap"'),
        ("kind: App\nmetadata: x", '2:1 "metadata" must be a mapping'),
        ("kind: App\nmetadata: {name: Web}", '2:18 "name" must be at most 63 of a-z'),
        ("kind: App\nmetadata: {name: [a]}", '2:12 "name" must be text'),
        ("kind: App\nmetadata: {nme: a}", '2:12 unknown field "nme"'),
        ("kind: App\nmetadata: {name: a, drift: x}", '2:28 "drift" must be correct, warn or'),
        ("kind: App\nmetadata: {name: a, labels: {b: [c]}}", '2:30 "labels.b" must be text'),
        ("kind: App\nspce: x", '2:1 unknown field "spce"'),
        ("kind: App\nspec: x", '2:1 "spec" must be a mapping'),
        ("kind: App\nmetadata: {name: a}\nspec: {from: {env: X}}", '3:8 unknown field "from"'),
    ],
)
def test_the_frame_of_a_document_is_checked(folder: SpecFolder, text: str, said: str) -> None:
    """apiVersion, kind, metadata and spec are as strict as what is inside."""
    folder.write("a.yaml", text)
    assert any(f"specs/a.yaml:{said}" in one for one in folder.said())


def test_all_mistakes_are_told_at_once_and_in_order(folder: SpecFolder) -> None:
    """One look at a document is enough to mend it."""
    folder.app("web", "comand: x\nprobes: {}\nreplicas: x\nenv: {A: [1]}")
    lines = [problem.line for problem in folder.load().problems]
    assert lines == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("comand: x", 'did you mean "command"?'),
        ("working-dir: x", 'did you mean "workingDir"?'),
        ("ports: [{name: a, prt: 1}]", 'did you mean "port"?'),
        ("envFile: [{pth: a}]", 'did you mean "path"?'),
        ("mode: servce", 'did you mean "service"?'),
        ("grace: 5", 'did you mean "stop.grace"?'),
    ],
)
def test_a_slip_gets_a_guess(folder: SpecFolder, spec: str, hint: str) -> None:
    """What is close to a known word is guessed, also deep inside."""
    folder.app("web", spec)
    assert hint in [problem.hint for problem in folder.load().problems]


def test_a_problem_shows_its_line(folder: SpecFolder) -> None:
    """The line, a caret under the word and the guess."""
    folder.app("web", "comand: x")
    assert told(folder.load().problems[0]) == [
        'specs/web.yaml:5:3 unknown field "comand"',
        "  5 |   comand: x",
        "    |   ^",
        '  hint: did you mean "command"?',
    ]


def test_values_for_programs_are_text_as_written(folder: SpecFolder) -> None:
    """A port in the environment needs no quotes, and 010 stays 010."""
    folder.app("web", "env: {PORT: 010, ON: yes, T: true, E: ''}\nargs: [1e3, ~x, 0x1]")
    spec = folder.load().resources[WEB].spec
    assert spec.env == {"PORT": "010", "ON": "yes", "T": "true", "E": ""}
    assert spec.args == ("1e3", "~x", "0x1")


def test_metadata_reaches_the_resource(folder: SpecFolder) -> None:
    """Labels, notes, suspension, drift and the place of a document are known."""
    meta = "{name: web, labels: {a: 1}, annotations: {b: x}, suspend: true, drift: warn}"
    folder.write("web.yaml", f"# c\n\n{app('web').replace('{name: web}', meta)}")
    resource = folder.load().resources[WEB]
    assert (resource.labels, resource.annotations) == ({"a": "1"}, {"b": "x"})
    assert resource.suspend
    assert resource.drift is Drift.WARN
    assert str(resource.origin) == "specs/web.yaml:3"
    assert resource.root == folder.root


def test_the_digest_names_the_content(folder: SpecFolder) -> None:
    """Order and comments do not count; every value does."""

    def digest(spec: str) -> str:
        folder.app("web", spec)
        return folder.load().resources[WEB].digest

    first = digest("command: a\nshell: ~")
    assert digest("# x\nshell: ~\ncommand: a") == first
    assert digest("command: b") != first


def test_an_empty_document_is_nothing(folder: SpecFolder) -> None:
    """Comments and document marks alone define nothing and are no mistake."""
    folder.write("a.yaml", "# nothing\n---\n---\n# more\n")
    folder.write("b.yml", "")
    assert folder.load().whole
    assert folder.load().resources == {}
