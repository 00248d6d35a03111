"""A secret is known to the process it is for, and to nobody else."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from reconciler.testing import eventually

from .small import CANARY, PASSWORD, TOKEN, Small, make_small

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

VERBS = (
    ("status",),
    ("status", "-o", "json"),
    ("get", "-o", "yaml"),
    ("describe", "Process/web-0"),
    ("describe", "Repository/backup"),
    ("explain", "Process.env"),
    ("events", "-o", "json"),
    ("history", "-o", "json"),
    ("logs", "web"),
    ("validate",),
    ("doctor",),
    ("diff", "--full"),
    ("diff", "--full", "--worktree"),
    ("diff", "-o", "json"),
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Small]:
    """A stack that knows three secrets, has used them all, and was refused once."""
    with make_small() as stack:
        stack.up()
        eventually(lambda: stack.kept_lines() > 0, 30)
        stack.server.desk.password = "another"
        eventually(lambda: stack.resource("Repository/backup")["health"]["code"] != "Healthy", 30)
        stack.server.desk.password = PASSWORD
        stack.whole()
        yield stack


def secrets_in(content: bytes) -> list[str]:
    return [secret for secret in (CANARY, TOKEN, PASSWORD) if secret.encode() in content]


def test_the_process_gets_it(stack: Small) -> None:
    """From the environment, by a variable, from a file and from an env file; and no other one."""
    env = psutil.Process(stack.pids()["web-0"]).environ()
    given = {name: env.get(name) for name in ("API_KEY", "SESSION_TOKEN", "FROM_FILE")}
    assert given == {"API_KEY": CANARY, "SESSION_TOKEN": CANARY, "FROM_FILE": TOKEN}
    assert env["ENV_FILE_SECRET"] == CANARY
    assert "UNUSED_SECRET" not in env
    assert "BACKUP_PASSWORD" not in env


def test_no_other_process_has_it(stack: Small) -> None:
    """Neither argv nor environment of any process but the one it is for; git is just pushing."""
    assert stack.process is not None
    allowed = {stack.process.pid, stack.pids()["web-0"]}
    stack.hold.touch()
    try:
        pushing = eventually(lambda: stack.at_work("push"), 20)
        for process in (*stack.running(), *pushing):
            # It has ended meanwhile, or not even its owner may read it (then root's run does).
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                folder = Path(f"/proc/{process.pid}")
                assert secrets_in((folder / "cmdline").read_bytes()) == []
                if process.pid not in allowed:
                    assert secrets_in((folder / "environ").read_bytes()) == []
    finally:
        stack.hold.unlink()


def test_no_file_has_it_but_closed_ones(stack: Small) -> None:
    """Only what hands it over holds it, and only its owner may read that."""
    holders = set()
    for path in stack.state.rglob("*"):
        if path.is_file() and not path.is_symlink() and secrets_in(path.read_bytes()):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
            holders.add(path.relative_to(stack.state).as_posix())
    assert {name for name in holders if name.startswith(("log/", "run/processes/"))} == set()
    expected = {"run/environ", "state/processes/web-0.json"}
    assert holders - expected == {name for name in holders if name.startswith("state/repos/")}
    assert len(holders - expected) <= 1, holders  # the one file git's credential is read from
    assert stat.S_IMODE((stack.state / "run").stat().st_mode) == 0o700


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_no_answer_has_it(stack: Small, verb: tuple[str, ...]) -> None:
    """Whatever is asked, in whatever form."""
    said = stack.command(*verb)
    assert said.returncode in {0, 1}, said
    assert secrets_in((said.stdout + said.stderr).encode()) == []


def test_no_number_has_it(stack: Small) -> None:
    """What is measured, and what health says, names no secret."""
    for path in ("/metrics", "/health", "/readyz?verbose"):
        socket = str(stack.state / "run" / "operator.sock")
        asking = ["curl", "-s", "--unix-socket", socket, f"http://x{path}"]
        said = subprocess.run(asking, capture_output=True, check=True)
        assert said.stdout, path
        assert secrets_in(said.stdout) == [], path


def test_no_commit_has_it(stack: Small) -> None:
    """Neither objects nor configuration of the remote, nor of the copy here."""
    local = stack.state / "state" / "repos" / "backup.git"
    for repository in (stack.remote, local):
        listed = stack.read_remote(repository, "cat-file", "--batch-check", "--batch-all-objects")
        names = [line.split()[0] for line in listed.splitlines()]
        assert names
        for name in names:
            assert secrets_in(stack.read_remote(repository, "cat-file", "-p", name.decode())) == []
        assert secrets_in((repository / "config").read_bytes()) == []


def test_a_changed_secret_is_told_without_it(stack: Small) -> None:
    """The process gets the new one at once, and is told to have changed, not what to."""
    old, changed = stack.pids(), "canary-in-a-file-number-two"
    file = stack.root / "token"
    try:
        file.write_text(changed)
        eventually(lambda: stack.pids().get("web-0", old["web-0"]) != old["web-0"], 20)
        stack.whole()
        assert psutil.Process(stack.pids()["web-0"]).environ()["FROM_FILE"] == changed
        for verb in VERBS:
            said = stack.command(*verb)
            assert changed not in said.stdout + said.stderr, verb
        assert "env.FROM_FILE" in stack.command("describe", "Process/web-0").stdout
        for log in (stack.state / "log").iterdir():
            assert changed not in log.read_text(errors="replace"), log
    finally:
        file.write_text(TOKEN)
        stack.command("apply", "--wait")
