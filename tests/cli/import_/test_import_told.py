"""import: the report says what became of everything, once, and names each secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.import_.secrets import is_open_secret, open_secrets

TOKEN = "ghp" + "_0123456789abcdefghijklmnopqrstuvwxyz"


class Said:
    """What an import printed, and wrote."""

    def __init__(self, done: Any, folder: Path) -> None:
        self.code, self.err, self.folder = done.code, done.err, folder

    def spec(self, name: str) -> str:
        return (self.folder / f"{name}.yaml").read_text()

    def mode(self, name: str) -> int:
        return (self.folder / f"{name}.yaml").stat().st_mode & 0o777

    def told(self, mark: str, field: str) -> list[str]:
        """The lines that say something of a field under a mark."""
        lines = (line.strip() for line in self.err.splitlines())
        marked = (line.removeprefix(f"{mark} ") for line in lines if line.startswith(mark))
        if mark == "✔":
            return [one for one in marked if field in one.partition(":")[0].split(", ")]
        return [one for one in marked if one.startswith(f"{field}:")]


@pytest.fixture
def imported(tmp_path: Path, reconciler: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a text."""
    monkeypatch.setenv("COLUMNS", "1000")

    def run(text: str, name: str = "a.conf") -> Said:
        (tmp_path / name).write_text(text)
        out = tmp_path / "out"
        return Said(reconciler("import", str(tmp_path / name), "-o", str(out), "--force"), out)

    return run


def program(*options: str) -> str:
    return "\n".join(["[program:a]", "command=/bin/x", *options, ""])


def test_includes_are_found_by_variables(
    imported: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`files=%(ENV_INC)s/*.conf` is read as supervisord reads it; without INC it is missed."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.conf").write_text("[program:b]\ncommand=/bin/y\n")
    text = f"[include]\nfiles=%(ENV_INC)s/*.conf\n{program()}"
    monkeypatch.setenv("INC", str(tmp_path / "more"))
    said = imported(text)
    assert said.code == 0
    assert "/bin/y" in said.spec("b")
    monkeypatch.delenv("INC")
    said = imported(text)
    assert said.code == 1
    (told,) = said.told("✘", "include ${INC}/*.conf")
    assert "INC is not set" in told


def test_a_variable_that_no_spec_can_name(imported: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its present value stands there, and is said; a secret one is left out by name."""
    monkeypatch.setenv("my-var", "7")
    monkeypatch.setenv("my-token", "hush")
    said = imported("[program:a]\ncommand=/bin/sleep 1%(ENV_my-var)s\n")
    assert '[/bin/sleep, "17"]' in said.spec("a")
    assert said.told("~", "command") == ["command: has the value that my-var has now"]
    assert said.told("✔", "command") == []
    said = imported("[program:a]\ncommand=/bin/sleep 1%(ENV_my-token)s\n")
    assert said.code == 1
    assert "the secret my-token" in said.err
    assert "hush" not in said.err
    said = imported("[program:a]\ncommand=/bin/sleep %(ENV_no.such)s\n")
    assert "needs the variable no.such" in said.err


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[program:a]\ncommand=/bin/x --password hunter2\n", "--password"),
        (f"[program:a]\ncommand=/bin/x --token={TOKEN}\n", "--token"),
        (f"[program:a]\ncommand=/bin/x {TOKEN}\n", "a GitHub token"),
        ("[program:a]\ncommand=env API_KEY=hunter2 /bin/x\n", "API_KEY"),
        ("[program:a]\ncommand=/bin/x redis://u:hunter2@h/0\n", "the password in a URL"),
        ("[program:a]\ncommand=curl -H 'X-Api-Key: hunter2' u\n", "X-Api-Key"),
        ("[program:a]\ncommand=bash -lc 'exec x --password=\"hunter2\"'\n", "--password"),
        (
            '[supervisord]\nenvironment=PASS="hunter2"\n[program:a]\ncommand=x %(ENV_PASS)s\n',
            "the value of PASS",
        ),
    ],
)
def test_a_secret_in_a_command_is_named(text: str, what: str, imported: Any) -> None:
    """The report says where it stands, not what it is, and its file is for its owner alone."""
    said = imported(text)
    assert [one for one in said.told("→", "command") if one.startswith(f"command: {what} looks")]
    assert "hunter2" not in said.err
    assert TOKEN not in said.err
    assert said.mode("a") == 0o600


def test_a_secret_in_arguments_is_named(imported: Any) -> None:
    """Those of a pb_processes.json too."""
    entry = {"id": "a", "command": "x", "args": ["--token", "ghp_0123"]}
    said = imported(json.dumps([entry]), "pb_processes.json")
    (told,) = said.told("→", "args")
    assert told.startswith("args: --token looks secret")
    assert said.mode("a") == 0o600


@pytest.mark.parametrize(
    "command",
    [
        ["x", "--max-tokens", "4096"],
        ["x", "--token-file", "/run/token"],
        ["x", "--token", "${TOKEN}", "serve"],
        ["x", "--password", "--verbose"],
        ["x", "--auth=on", "--no-auth", "--author", "${ME}"],
        ["sh", "-c", 'exec x --password "$${PASSWORD}"'],
        ["x", "postgres://u:${PW}@h/db", "http://h:80/a@b"],
    ],
)
def test_what_tells_no_secret_is_not_named(command: list[str]) -> None:
    """A variable, the name of a file and a setting are none."""
    assert [*open_secrets({"command": command})] == []


@pytest.mark.parametrize(
    ("name", "value", "is_open"),
    [
        ("URL", "postgres://u:${OUT_PASSWORD}@h/db", False),
        ("URL", "postgres://u:$${X}@h/db", True),
        ("AUTH", "Bearer ${API_TOKEN}", False),
        ("TOKEN", "${TOKEN:-}", False),
        ("TOKEN", "abc-${STAGE}", True),
        ("TOKEN", "", False),
        ("PLAIN", TOKEN, True),
    ],
)
def test_a_reference_tells_nothing(name: str, value: str, *, is_open: bool) -> None:
    """What stands in the open is what is left without the variables."""
    assert is_open_secret(name, value) is is_open


def test_a_secret_from_outside_within_a_value_is_no_open_one(imported: Any) -> None:
    """It becomes a variable, and nobody is told to write another."""
    said = imported(program('environment=URL="postgres://u:%(ENV_OUT_PASSWORD)s@h/db"'))
    assert "u:${OUT_PASSWORD}@h" in said.spec("a")
    assert "looks secret" not in said.err
    assert said.mode("a") == 0o644


def test_of_none_none_runs(imported: Any) -> None:
    """No process comes of numprocs=0, there and here."""
    said = imported(program("numprocs=0"))
    assert "replicas: 0" in said.spec("a")
    assert said.told("✔", "numprocs")


def test_a_program_in_two_groups_runs_in_both(imported: Any) -> None:
    """Each group runs its own; a member that no section describes is said."""
    said = imported(program() + "[group:g]\nprograms=a,missing\n[group:h]\nprograms=a\n")
    assert "imported-as: g:a" in said.spec("g-a")
    assert "imported-as: h:a" in said.spec("h-a")
    (told,) = said.told("✘", "[group:g] programs")
    assert "no program missing" in told
    assert said.told("✘", "[group:h] programs") == []


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (["stopsignal=FOO"], "stopsignal"),
        (["stopsignal=WINCH"], "stopsignal"),
        (["startretries=9", "startsecs=0"], "startretries"),
        (["startretries=99999999"], "startretries"),
    ],
)
def test_a_field_has_one_fate(options: list[str], field: str, imported: Any) -> None:
    """What a spec cannot hold is not carried over as well, and has the name it had."""
    said = imported(program(*options))
    assert len(said.told("✘", field)) == 1
    assert said.told("✔", field) == []
    assert said.told("~", field) == []
    assert "stop: {}" not in said.spec("a")


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("numprocs=100000", "numprocs=100000 is more than the 1000 replicas"),
        ("numprocs=99999999999999999999", "is more than the 1000 replicas"),
        ("exitcodes=a,b", "exitcodes=a,b is no list of numbers"),
        ("stdout_logfile_maxbytes=1ZB", "stdout_logfile_maxbytes=1ZB is no size"),
    ],
)
def test_what_cannot_be_read_is_said_in_words(option: str, why: str, imported: Any) -> None:
    """Its field, what is wrong, and how it is written."""
    said = imported(program(option))
    assert said.code == 1
    assert why in said.err
    assert "invalid literal" not in said.err


def test_of_what_is_left_out_nothing_is_carried_over(imported: Any) -> None:
    """No mark of success, in the lines or in the counts."""
    entry = {"id": "a", "command": "x\0", "args": ["k"], "cwd": "y", "maxRetries": 3}
    said = imported(json.dumps([entry]), "pb_processes.json")
    report = said.err.partition("pb_processes.json")[0]
    assert "a: left out" in report
    assert "✔" not in report
    assert "fields: 1 carried over" in said.err


def test_a_relative_folder_is_approximated(imported: Any) -> None:
    """With a variable in it too; one that begins with a variable may be absolute."""
    said = imported(program("directory=rel/%(ENV_D)s"))
    assert said.told("✔", "directory") == []
    assert len(said.told("~", "directory")) == 1
    assert imported(program("directory=%(ENV_D)s/x")).told("✔", "directory")


@pytest.mark.parametrize(
    ("field", "value", "mark", "why"),
    [
        ("maxRetries", "3", "~", "'3' is no whole number"),
        ("maxRetries", 1.5, "~", "1.5 is no whole number"),
        ("maxRetries", 10**9, "✘", "a spec cannot hold it"),
        ("devMode", "yes", "✘", "neither true nor false"),
    ],
)
def test_what_a_list_of_processes_says_amiss(
    field: str, value: Any, mark: str, why: str, *, imported: Any
) -> None:
    """The value is named, once."""
    said = imported(json.dumps([{"id": "a", "command": "x", field: value}]), "pb_processes.json")
    (told,) = said.told(mark, field)
    assert why in told
    assert said.told("✔", field) == []


def test_half_of_a_character(imported: Any, reconciler: Any) -> None:
    """It is what the original read it as, said so, and the folder stays valid."""
    text = r'[{"id": "a", "command": "\ud800"}, {"id": "b", "command": "y"}]'
    said = imported(text, "pb_processes.json")
    assert "\N{REPLACEMENT CHARACTER}" in said.spec("a")
    assert len(said.told("~", "command")) == 1
    assert reconciler("validate", "--specs", str(said.folder)).code == 0
    said = imported(r'{"targets": ["x\ud800"], "excludes": []}', "sync-config.json")
    assert said.code == 2
    assert "holds half of a character" in said.err


@pytest.mark.parametrize("name", ["pb_processes.json", "admin_config.json", "other"])
def test_a_number_that_nothing_can_hold(name: str, imported: Any) -> None:
    """It is said of the file; it is no defect of ours."""
    said = imported(f'[{{"id": "a", "command": "x", "maxRetries": {"9" * 5000}}}]', name)
    assert said.code == 2
    assert f"{name} holds a number of thousands of digits" in said.err
    assert "unexpected" not in said.err
