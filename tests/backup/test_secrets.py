"""Secrets in what is about to be pushed: found, said where and never what, held or kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.core.sealed import Sealed
from reconciler.engine.known import Known
from reconciler.kinds.synctarget import take
from reconciler.kinds.synctarget.driver import SyncTargetDriver
from reconciler.kinds.synctarget.latch import Latches
from reconciler.kinds.synctarget.secrets import MOST, RULES, Guard
from reconciler.testing.backup_world import KEY, written
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import git

A = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0U1v2W3x4Y5z6A7b8C9d0"
PRIVATE = "-----BEGIN " + "OPENSSH PRIVATE KEY-----\n" + A + "\n-----END OPENSSH PRIVATE KEY-----\n"
# In two parts each: no tool that looks for secrets shall find them here.
SECRETS = {
    "a private key": [
        PRIVATE,
        "-----BEGIN " + "PRIVATE KEY-----\r\n" + A,
        json.dumps({"pem": "-----BEGIN " + "RSA PRIVATE KEY-----\n" + A + "\n"}),
        "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n" + A,
    ],
    "a GitHub token": ["gh" + "p_" + A[:36], "github" + "_pat_" + A[:22] + "_" + A[:59]],
    "a GitLab token": ["gl" + "pat-" + A[:20]],
    "a Slack token": ["xo" + "xb-123456789012-123456789012-" + A[:24]],
    "a Slack webhook": ["https://hooks.slack" + ".com/services/T01234567/B01234567/" + A[:24]],
    "an AWS key id": ["AK" + "IAIOSFODNN7EXAMPLE"],
    "an API key (sk-…)": [
        *("s" + "k-" + A[:48], "s" + "k-proj-" + A[:50], "s" + "k-ant-api03-" + A[:50]),
        "s" + "k-or-v1-" + A[:50],
    ],
    "a Google API key": ["AI" + "za" + A[:35]],
    "a Hugging Face token": ["h" + "f_" + A[:34]],
    "an npm token": ["np" + "m_" + A[:36]],
    "a PyPI token": ["pypi-" + "AgEIcHlwaS5vcmc" + A],
    "a Telegram token": ["12345678:" + "AA" + A[:33]],
    "a Stripe key": ["sk" + "_live_" + A[:24]],
}
HARMLESS = [
    "a task-A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9",
    ".mask-" + "sk-icon-with-a-very-long-class-name-in-some-css-file { }",
    "-----BEGIN " + "PUBLIC KEY-----\n" + A,
    "-----BEGIN " + "ENCRYPTED PRIVATE KEY-----\n",
    "write -----BEGIN " + "RSA PRIVATE KEY----- first",
    "-----BEGIN " + "RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n" + A,
    "gh" + "p_short",
    "AK" + "IA",
    "SOMETHINGAKIA" + "IOSFODNN7EXAMPLE",
    "https://hooks.slack" + ".com/services/T…/B…",
    "0123456789012345678901234567890123456789",
    "npm_config_registry npm_lifecycle_event_of_something_that_is_long",
    "hf_transformers_models_of_something_long_name",
]


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("path", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


def look(tmp_path: Path, content: bytes, guard: Guard | None = None) -> Any:
    path = tmp_path / "file"
    path.write_bytes(content)
    with path.open("rb") as file:
        return (guard or Guard("auto")).look("file", file.fileno())


@pytest.mark.parametrize(("rule", "text"), [(r, t) for r, all_ in SECRETS.items() for t in all_])
@pytest.mark.parametrize("around", ["{}", 'x = "{}"\n', "a\nb\n- {}, more", "https://u:{}@host"])
def test_secret_is_found(tmp_path: Path, rule: str, text: str, around: str) -> None:
    """Each kind is found wherever it stands, and told by its line."""
    content = around.format(text).encode()
    found = look(tmp_path, content)
    assert found is not None
    assert found.rule == rule
    assert found.line == (3 if around.startswith("a\n") else 1)
    assert found.held == (rule == "a private key")
    assert text not in str(found)


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_is_none(tmp_path: Path, text: str) -> None:
    """What only resembles a secret holds nothing up."""
    assert look(tmp_path, text.encode()) is None


def test_no_rule_finds_anything_in_our_own_sources(tmp_path: Path) -> None:
    """In a whole project, docs and all, only the key that tests use is found."""
    top = Path(__file__).parents[2]
    ours = ("src", "tests", "docs", "specs", "examples", "scripts", "benchmarks")
    paths = [path for name in ours for path in (top / name).rglob("*")]
    # Where it was tried an example has an environment, data and keys of its own beside it.
    own = [path for path in paths if not {".venv", ".reconciler", "data"} & {*path.parts}]
    files = [path for path in own if path.is_file() and not path.is_symlink()]
    found = [path.name for path in files if look(tmp_path, path.read_bytes()) is not None]
    assert found == ["loopback.pem"]


def test_only_the_begin_of_text_is_looked_at(tmp_path: Path) -> None:
    """A large log costs no more than its first part, a binary file nothing."""
    assert look(tmp_path, b" " * MOST + PRIVATE.encode()) is None
    assert look(tmp_path, b"\0" + PRIVATE.encode()) is None
    assert len({rule.name for rule in RULES}) == len(RULES)


def knowing(world: GitWorld, *values: str) -> None:
    """The stack was given these secrets."""
    known = tuple(Sealed.of(value, KEY) for value in values)
    folders = world.drivers["Repository"]._folders
    world.drivers["SyncTarget"] = SyncTargetDriver(
        folders, Latches(world.records, world.stack), host="here", known=lambda: known
    )


async def reasons(world: GitWorld) -> dict[str, str]:
    return {one["path"]: one["reason"] for one in (await world.vitals())["skipped"]}


async def test_private_key_is_held_and_the_rest_goes_on(world: GitWorld) -> None:
    """The version that was pushed stays, everything else is backed up, and the target says so."""
    world.write("app/data/id", b"no key yet")
    world.write("app/data/a", b"one")
    await world.back_up()
    world.write("app/data/id", PRIVATE.encode())
    world.write("app/data/new_id", PRIVATE.encode())
    world.write("app/data/a", b"two")
    await world.back_up()
    assert world.remote_files() == {"app/data/id": b"no key yet", "app/data/a": b"two"}
    assert await reasons(world) == {"id": "SecretHeld", "new_id": "SecretHeld"}
    assert await world.health() == ("Degraded", "SecretHeld")
    world.restart(stack=False)
    world.write("app/data/a", b"three")
    await world.back_up()
    assert world.remote_files()["app/data/id"] == b"no key yet"
    assert A.encode() not in git(world.bare, "log", "-p", "--all")
    world.targets["data"]["secrets"] = {"allow": ["id", "sub/"]}
    await world.back_up()
    assert world.remote_files()["app/data/id"] == PRIVATE.encode()
    assert await reasons(world) == {"new_id": "SecretHeld"}
    world.write("app/data/new_id", b"a poem")
    await world.back_up()
    assert await world.health() == ("Healthy", "BackedUp")


async def test_token_in_a_config_is_kept_and_named(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bot's settings are what people need back: they are pushed, and said to hold a token."""
    monkeypatch.setattr(take, "RACY", -1.0)
    token = SECRETS["an API key (sk-…)"][0]
    content = json.dumps({"name": "bot", "key": token}, indent=1).encode()
    world.write("app/data/config.json", content)
    await world.back_up()
    assert world.remote_files() == {"app/data/config.json": content}
    assert await world.health() == ("Healthy", "BackedUp")
    (told,) = (await world.vitals())["skipped"]
    assert told["reason"] == "SecretFound"
    assert told["message"].startswith("line 3 holds an API key")
    assert token not in repr(await world.vitals())
    world.restart(stack=False)
    world.write("app/data/other", b"x")
    await world.back_up()
    assert await reasons(world) == {"config.json": "SecretFound"}
    world.targets["data"]["secrets"] = {"onFound": "ignore"}
    await world.back_up()
    assert await reasons(world) == {}


async def test_what_the_stack_was_given_is_held(world: GitWorld) -> None:
    """A file with the very password of the backup is not pushed; a short word is no secret."""
    knowing(world, world.password, "admin")
    world.write("app/data/.env", f"A=1\nPAT={world.password}\n".encode())
    world.write("app/data/users", b"admin and others")
    await world.back_up()
    assert world.remote_files() == {"app/data/users": b"admin and others"}
    (told,) = (await world.vitals())["skipped"]
    assert told == {
        "path": ".env",
        "reason": "SecretHeld",
        "message": "line 2 holds a secret that this stack was given; it is not pushed: "
        "exclude the file, or name it under secrets.allow",
    }


async def test_new_secret_is_looked_for_in_old_files(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a stack is given another secret, files that did not change are looked at again."""
    monkeypatch.setattr(take, "RACY", -1.0)
    knowing(world, "first-of-all-secrets")
    world.write("app/data/a", b"second-of-all-secrets")
    await world.back_up()
    assert await reasons(world) == {}
    knowing(world, "second-of-all-secrets")
    await world.back_up()
    assert await reasons(world) == {"a": "SecretHeld"}


@pytest.mark.parametrize(("how", "reason"), [("hold", "SecretHeld"), ("report", "SecretFound")])
async def test_policy_is_for_all(world: GitWorld, how: str, reason: str) -> None:
    """Hold holds every finding, report none."""
    world.targets["data"]["secrets"] = {"onFound": how}
    world.write("app/data/t", SECRETS["a GitHub token"][0].encode())
    world.write("app/data/k", PRIVATE.encode())
    await world.back_up()
    assert await reasons(world) == {"t": reason, "k": reason}
    assert len(world.remote_files()) == (0 if how == "hold" else 2)


async def test_databases_are_not_looked_through(world: GitWorld) -> None:
    """A database is data that people want back, whatever they wrote into it."""
    path = world.base / "app/data/app.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE t (a)")
        db.execute("INSERT INTO t VALUES (?)", (PRIVATE,))
    await world.back_up()
    assert await reasons(world) == {}
    assert set(world.remote_files()) == {"app/data/app.db"}


def test_known_are_all_that_stand_in_the_specs() -> None:
    """Every sealed value of every resource, however deep, is known."""
    one, two = Sealed.of("one", KEY), Sealed.of("two", KEY)
    first = written("Repository", "a", {"url": "/x", "auth": {"password": one}})
    second = written("Repository", "b", {"url": "/x", "auth": {"password": two}})
    snapshot: Any = SimpleNamespace(resources={first.ref: first, second.ref: second})
    known = Known()
    assert {*known.among(snapshot)} == {one, two}
    assert known.among(snapshot) is known.among(snapshot)
    assert known.among(None) == ()
