from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.specs.toys import KEY, AppSpec, SpecFolder, told

from reconciler.core.model import Ref
from reconciler.core.sealed import Sealed
from reconciler.specs.env_file import EnvFileError, parse_env_file
from reconciler.specs.variables import MalformedError, expand_variables

WEB = Ref("App", "web")
ENVIRON = {"HOME": "/h", "EMPTY": "", "API_KEY": "hunter2", "TWO": "a b", "NUL": "a\0b"}


@pytest.fixture
def folder(tmp_path: Path) -> SpecFolder:
    """A spec folder whose operator was started with a few variables."""
    return SpecFolder(tmp_path, environ=ENVIRON)


def spec_of(folder: SpecFolder, text: str) -> AppSpec:
    folder.app("web", text)
    snapshot = folder.load()
    assert snapshot.problems == ()
    spec: AppSpec = snapshot.resources[WEB].spec
    return spec


def sealed(value: str) -> Sealed:
    return Sealed.of(value, KEY)


@pytest.mark.parametrize(
    ("text", "done"),
    [
        ("${HOME}/x", "/h/x"),
        ("$${HOME}", "${HOME}"),
        ("$HOME $ $1", "$HOME $ $1"),
        ("${NOPE:-a}", "a"),
        ("${EMPTY:-a}", "a"),
        ("${EMPTY}", ""),
        ("${NOPE:-}", ""),
        ("${HOME}${HOME}", "/h/h"),
        ("$$$$", "$$"),
        ("a", "a"),
    ],
)
def test_variables_are_filled_in(text: str, done: str) -> None:
    """``${VAR}``, ``${VAR:-default}`` and ``$$`` mean what they mean in a Compose file."""
    assert expand_variables(text, ENVIRON) == (done, (), "")


@pytest.mark.parametrize("text", ["${", "${}", "${a-b}", "${1}", "${HOME", "${A:?x}", "x${ HOME}"])
def test_half_a_reference_is_refused(text: str) -> None:
    """What only looks like a variable is neither filled in nor passed on."""
    with pytest.raises(MalformedError):
        expand_variables(text, ENVIRON)


def test_a_short_text_cannot_become_a_long_one() -> None:
    """Filling in stops where no program could take the result."""
    with pytest.raises(MalformedError, match="too long"):
        expand_variables("${BIG}" * 1000, {"BIG": "x" * 1000})


def test_only_some_fields_are_expanded(folder: SpecFolder) -> None:
    """env, args, command, workingDir and url are; anything else is taken literally."""
    text = "args: ['${HOME}']\nworkingDir: ${HOME}\nurl: ${HOME}\nenv: {A: '${HOME}'}\n"
    spec = spec_of(folder, text + "shell: echo ${HOME} ${x[@]}")
    assert (spec.args, spec.working_dir, spec.url) == (("/h",), "/h", "/h")
    assert spec.env == {"A": "/h"}
    assert spec.shell == "echo ${HOME} ${x[@]}"


def test_the_hint_for_a_dollar_can_be_followed(folder: SpecFolder) -> None:
    """What it says makes it a text; where nothing is filled in, there is nothing to double."""
    folder.app("web", "args: ['${x[@]}']")
    (problem,) = folder.load().problems
    assert (
        problem.hint == "write $${ for the characters themselves; in `shell` nothing is filled in"
    )
    assert spec_of(folder, "args: ['$${x[@]}']").args == ("${x[@]}",)


def test_a_variable_never_becomes_two_words(folder: SpecFolder) -> None:
    """A command line is split before its variables are filled in."""
    spec = spec_of(folder, "command: run '${TWO} c' ${TWO}")
    assert spec.command == ("run", "a b c", "a b")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("env: {A: 'x ${NOPE}'}", "5:12 the variable NOPE of env.A is not set"),
        ("args: [a, '${NOPE}']", "5:13 the variable NOPE of args[1] is not set"),
        ("command: [a, '${API_KEY}']", "5:16 the secret variable API_KEY is not allowed in"),
        ("command: x ${API_KEY}", "5:12 the secret variable API_KEY is not allowed in command"),
        ("workingDir: ${API_KEY}", "5:15 the secret variable API_KEY is not allowed in"),
        ("args: ['${']", '5:10 args[0] has a "${" that begins no variable'),
        ("env: {A: '${NUL}'}", "5:12 the value of env.A holds a NUL character"),
        ("env: {A: {from: {env: NOPE}}}", "5:25 the variable NOPE of env.A is not set"),
        ("password: {from: {file: no}}", "5:27 the file no of password does not exist"),
        ("password: {from: {evn: X}}", '5:21 write "from" as {env: NAME} or {file: path}'),
        ("password: {from: {}}", '5:20 write "from" as {env: NAME} or {file: path}'),
        ("password: {from: {env: ''}}", '5:26 "env" must be a variable name'),
        ("password: {from: {file: [x]}}", '5:27 "file" must be a path'),
        ("envFile: [no.env]", "5:13 the file no.env of envFile[0] does not exist"),
        ("envFile: [bad.env]", "5:13 the file bad.env of envFile[0]: line 2 is not NAME=value"),
        ("envFile: [fifo]", "5:13 the file fifo of envFile[0] is not a regular file"),
        ("envFile: [.]", "5:13 the file . of envFile[0] is not a regular file"),
    ],
)
def test_what_cannot_be_filled_in_is_named(folder: SpecFolder, spec: str, said: str) -> None:
    """File, line, field and variable are told, and no secret is."""
    (folder.root / "bad.env").write_text("A=1\nhunter2\n")
    os.mkfifo(folder.root / "fifo")
    folder.app("web", spec)
    problems = folder.load().problems
    assert any(str(problem).startswith(f"specs/web.yaml:{said}") for problem in problems)
    assert "hunter2" not in "".join(line for problem in problems for line in told(problem))


def test_a_missing_variable_freezes_one_resource(folder: SpecFolder) -> None:
    """All others go on, and the frozen one stays as it last was."""
    folder.app("web", "args: [one]")
    folder.app("db", "args: [one]")
    before = folder.load().resources[WEB]
    folder.app("web", "args: ['${NOPE}']")
    folder.app("db", "args: [two]")
    snapshot = folder.load()
    assert snapshot.resources[WEB] is before
    assert snapshot.resources[Ref("App", "db")].spec.args == ("two",)
    assert snapshot.frozen == {WEB}
    assert snapshot.whole
    fresh = folder.fresh_loader().load()
    assert WEB not in fresh.resources
    assert not fresh.whole
    assert fresh.broken == frozenset()


def test_secrets_are_sealed_and_never_shown(folder: SpecFolder) -> None:
    """Whatever way a secret comes, the spec holds it sealed."""
    (folder.root / "secret").write_text("hunter2\n")
    (folder.root / ".env").write_text("DB_PASSWORD=hunter2\n")
    text = """
env:
  A: {from: {env: API_KEY}}
  B: x ${API_KEY}
  C_TOKEN: hunter2
password: {from: {file: secret}}
url: https://me:${API_KEY}@host/
envFile: [.env]
"""
    spec = spec_of(folder, text)
    env = spec.env
    secret = sealed("hunter2")
    assert env == {
        "A": secret,
        "B": sealed("x hunter2"),
        "C_TOKEN": secret,
        "DB_PASSWORD": secret,
    }
    assert isinstance(env["B"], Sealed)
    assert env["B"].reveal() == "x hunter2"
    assert spec.password == secret
    assert "hunter2" not in f"{spec!r}{folder.load()!r}{spec.model_dump_json()}"


def test_what_an_env_file_holds_is_never_shown(folder: SpecFolder) -> None:
    """Its values are kept out of the specs on purpose, however harmless their names look."""
    (folder.root / ".env").write_text("DSN=hunter2\nEMPTY=\n")
    spec = spec_of(folder, "envFile: [.env]")
    assert spec.env == {"DSN": sealed("hunter2"), "EMPTY": sealed("")}
    assert "hunter2" not in f"{spec!r}{spec.model_dump_json()}"


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("postgres://me:hunter2@db/x", True),
        ("redis://:hunter2@db", True),
        ("a=1 b=HTTPS://me:hunter2@db:5432/x?y", True),
        ("${HOME}+x://me:hunter2@db", True),
        ("postgres://me:${EMPTY}${TWO}@db", False),
        ("postgres://me@db:5432/a@b:c", False),
        ("http://127.0.0.1:8080/users/me:you@home", False),
        ("me:you@home", False),
    ],
)
def test_a_password_in_a_url_is_never_shown(
    folder: SpecFolder, value: str, *, hidden: bool
) -> None:
    """Wherever a URL may stand, in env as in url, its password is sealed with it."""
    spec = spec_of(folder, f"env: {{DSN: '{value}'}}\nurl: '{value}'")
    for one in (spec.env["DSN"], spec.url):
        assert isinstance(one, Sealed) is hidden
    assert ("hunter2" in f"{spec!r}{spec.model_dump_json()}") is False


def test_env_files_come_before_env(folder: SpecFolder) -> None:
    """A later file beats an earlier one, and the spec beats both."""
    (folder.root / "a.env").write_text("A=1\nB=1\nC=1\n")
    (folder.root / "b.env").write_text("B=2\nC=2\n")
    spec = spec_of(folder, "envFile: [a.env, {path: b.env}]\nenv: {C: 3}")
    assert spec.env == {"A": sealed("1"), "B": sealed("2"), "C": "3"}


def test_an_optional_env_file_may_be_missing(folder: SpecFolder) -> None:
    """It counts as soon as it is there."""
    text = "envFile: [{path: .env, optional: true}]"
    assert spec_of(folder, text).env == {}
    (folder.root / ".env").write_text("A=1")
    assert folder.load().resources[WEB].spec.env == {"A": sealed("1")}


@pytest.mark.parametrize(
    ("content", "says", "hint"),
    [
        (
            None,
            ".env of envFile[0] does not exist",
            "create it, or write {path: …, optional: true}",
        ),
        (b"A=1\nB", ".env of envFile[0]: line 2 is not NAME=value", "correct that line"),
        (b'A="1\n', "line 1 opens a quote", "correct that line"),
        (b"A=\xff", "is not valid UTF-8", "save it as text in UTF-8"),
        (b"A=\0", "holds a NUL character", "save it as text in UTF-8"),
    ],
)
def test_an_env_file_is_mended_where_it_is_wrong(
    folder: SpecFolder, content: bytes | None, says: str, hint: str
) -> None:
    """Only what is not there may be optional."""
    if content is not None:
        (folder.root / ".env").write_bytes(content)
    folder.app("web", "envFile: [.env]")
    (problem,) = folder.load().problems
    assert says in str(problem)
    assert problem.hint.startswith(hint)


def test_a_file_outside_the_specs_is_watched(folder: SpecFolder) -> None:
    """An edit of equal length within the same moment is noticed; no edit, no new snapshot."""
    secret, env = folder.root / "secret", folder.root / ".env"
    secret.write_text("one")
    env.write_text("A=1")
    folder.app("web", "password: {from: {file: secret}}\nenvFile: [.env]")
    first = folder.load()
    assert folder.load() is first
    secret.write_text("two")
    second = folder.load()
    assert second.resources[WEB].digest != first.resources[WEB].digest
    env.write_text("A=2")
    third = folder.load()
    assert third.resources[WEB].spec.env == {"A": sealed("2")}
    assert folder.load() is third
    secret.unlink()
    assert folder.load().frozen == {WEB}
    secret.write_text("two")
    assert folder.load().resources[WEB] == third.resources[WEB]


def test_small_documents_cannot_pull_in_much(folder: SpecFolder) -> None:
    """Reading a large file a thousand times over is refused."""
    (folder.root / "big").write_text("x" * 1_000_000)
    folder.app("web", "\n".join(["env:", *(f"  A{n}: {{from: {{file: big}}}}" for n in range(50))]))
    assert any("too large together" in one for one in folder.said())


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1", {"A": "1"}),
        ("export A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("# c\n\n  A = x y  # c\n", {"A": "x y"}),
        ("A=x#y", {"A": "x#y"}),
        ("A=", {"A": ""}),
        ("A= # c\nB=1", {"A": "", "B": "1"}),
        ('A="x # y\\n\\"z\\" \\$"  # c', {"A": 'x # y\n"z" $'}),
        ("A='x\\n ${B}'", {"A": "x\\n ${B}"}),
        ('A="x\ny"\nB=1', {"A": "x\ny", "B": "1"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=${B}", {"A": "${B}"}),
        ("\ufeffA=1", {"A": "1"}),
        ("A=a=b", {"A": "a=b"}),
        ("", {}),
    ],
)
def test_env_files_are_read_as_everywhere(text: str, values: dict[str, str]) -> None:
    """Quotes, comments and ``export`` mean what they mean elsewhere; nothing is executed."""
    assert parse_env_file(text) == values


@pytest.mark.parametrize("text", ["A", "=1", "1A=x", 'A="x', "A='x", 'A="x" y', "A B=1", "A:1"])
def test_bad_env_files_are_refused(text: str) -> None:
    """The line is told, its content is not."""
    with pytest.raises(EnvFileError, match="line 1") as caught:
        parse_env_file(text)
    assert "x" not in str(caught.value).replace("export", "")
