"""The failures of the tools before this one, a to t: each a test, most against git behind nginx.

``LINES`` says for each where its proof is; what has none elsewhere is proven here.
"""

from __future__ import annotations

import ast
import asyncio
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.model import Ref
from reconciler.core.sealed import Sealed
from reconciler.testing.backup_world import KEY
from reconciler.testing.backup_worlds import GitWorld, open_world

DATA = Ref("SyncTarget", "data")
HERE = "backup/test_lines_a_to_t.py"
CONTRACT = "contracts/test_backup_driver.py"
REAL = "kinds/synctarget/test_synctarget_real.py"
RESTORE = "kinds/synctarget/test_synctarget_restore.py"
LARGE = "kinds/synctarget/test_synctarget_large.py"
RELEASE = "clients/test_blobs_release.py"

LINES = {
    "a: what is restarted after hours starts at once": [
        (HERE, "test_a_restart_after_hours_starts_at_once"),
        (CONTRACT, "test_operator_restart_restores_nothing"),
    ],
    "b: a marker of an earlier boot opens nothing": [
        (HERE, "test_b_marker_of_an_earlier_boot_opens_nothing"),
        (CONTRACT, "test_wiped_path_is_restored_again"),
    ],
    "c: without a remote all starts, and says disabled": [
        (RESTORE, "test_without_a_remote_all_may_start")
    ],
    "d: while the remote is down nothing starts, or nothing is pushed": [
        (HERE, "test_d_remote_down_opens_nothing"),
        (RESTORE, "test_prefer_lets_go_and_backs_nothing_up"),
        (RESTORE, "test_require_waits_on_and_says_so"),
    ],
    "e: no marker comes from the remote": [(HERE, "test_e_no_marker_comes_from_the_remote")],
    "f: the backup wins over defaults, which are put aside": [
        (CONTRACT, "test_backup_wins_over_defaults"),
        (REAL, "test_put_aside_files_can_be_found"),
    ],
    "g: a copy that fails touches nothing": [
        (REAL, "test_damaged_backup_touches_nothing"),
        (LARGE, "test_damaged_blob_touches_nothing"),
    ],
    "h: a missing file is not made up": [(CONTRACT, "test_file_target")],
    "i: a mistyped branch is an error": [(CONTRACT, "test_wrong_branch_is_said")],
    "j: unreachable, 401, 403 are not empty": [
        (HERE, "test_j_refused_or_absent_is_not_empty"),
        (CONTRACT, "test_unreachable_is_not_empty"),
        ("clients/test_git.py", "test_four_answers"),
    ],
    "k: both pointer formats restore with their hash, from a private repository": [
        (LARGE, "test_pointers_of_earlier_tools"),
        (LARGE, "test_a_release_end_to_end"),
    ],
    "l: a file that changes meanwhile converges in two cycles": [
        (HERE, "test_l_changing_file_and_remote_converge"),
    ],
    "m: a rejected push is a failure": [(HERE, "test_m_rejected_push_is_a_failure")],
    "n: an idle cycle with a large file costs nothing": [(LARGE, "test_unchanged_costs_nothing")],
    "o: a failed upload publishes no pointer": [(LARGE, "test_failed_upload_publishes_nothing")],
    "p: retention never drops the current version": [
        (LARGE, "test_versions_are_kept_and_no_more"),
        (LARGE, "test_what_a_branch_needs_is_never_dropped"),
    ],
    "q: more assets than a page": [(RELEASE, "test_more_than_a_page")],
    "r: databases under load come back whole": [
        ("backup/test_proof_databases.py", "test_every_backup_under_a_writer_is_whole"),
        (REAL, "test_database_under_a_writer"),
    ],
    "s: odd names": [(HERE, "test_s_odd_names"), (REAL, "test_odd_names_come_back")],
    "t: the token is in no file, log, error, argument": [
        ("kinds/synctarget/test_synctarget_secret.py", "test_password_is_nowhere"),
        ("canary.py", "nothing_leaks"),
        (RELEASE, "test_the_token_is_in_no_error"),
    ],
}


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("nginx", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


def test_each_line_has_its_proof() -> None:
    """What the table names is there."""
    assert [line[0] for line in LINES] == list("abcdefghijklmnopqrst")
    for line, proofs in LINES.items():
        for file, name in proofs:
            tree = ast.parse((Path(__file__).parents[1] / file).read_bytes())
            names = {node.name for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)}
            assert name in names, line


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


async def is_open(world: GitWorld) -> bool:
    """Whether what needs the target may start."""
    return "restored" in (await world.vitals())["meets"]


async def test_a_restart_after_hours_starts_at_once(world: GitWorld) -> None:
    """The gate has no age: a new operator finds it open, though the remote is away."""
    world.write("app/data/a", b"one")
    await world.back_up()
    world.reach(reachable=False)
    world.restart(stack=False)
    assert await is_open(world)
    assert (await world.look()).plan.in_sync


async def test_b_marker_of_an_earlier_boot_opens_nothing(world: GitWorld) -> None:
    """A new start with another folder waits for its own restore."""
    world.write("app/data/a", b"one")
    await world.back_up()
    world.wipe()
    world.reach(reachable=False)
    world.restart(stack=True)
    await world.settle()
    assert not await is_open(world)
    world.reach(reachable=True)
    await world.settle()
    assert await is_open(world)
    assert world.files() == {"app/data/a": b"one"}


async def test_d_remote_down_opens_nothing(world: GitWorld) -> None:
    """While the remote is away nothing is released, and nothing that lies here is pushed later."""
    world.push_as_other("app/data/a", b"precious")
    world.reach(reachable=False)
    world.write("app/data/a", b"fresh and empty")
    await world.settle()
    await world.look(due=True)
    assert not await is_open(world)
    world.reach(reachable=True)
    await world.settle()
    assert world.files() == world.remote_files() == {"app/data/a": b"precious"}


async def test_e_no_marker_comes_from_the_remote(world: GitWorld) -> None:
    """Files named like anybody's markers are data: they open nothing, in this start or the next."""
    markers = [".backup.ready", ".sync.complete", ".reconciler/latch.json", ".restored"]
    for name in markers:
        world.push_as_other(f"app/data/{name}", b"ready")
        world.push_as_other(name, b"ready")
    await world.settle()
    assert len(world.files()) == len(markers)
    world.wipe()
    world.write("app/data/.backup.ready", b"ready")
    world.reach(reachable=False)
    world.restart(stack=True)
    await world.settle()
    assert not await is_open(world)
    world.reach(reachable=True)


async def test_j_refused_or_absent_is_not_empty(world: GitWorld) -> None:
    """A wrong password, and a repository that is not there, restore nothing and push nothing."""
    world.push_as_other("app/data/a", b"precious")
    world.write("app/data/a", b"here")
    right = world.repository
    refused = {"username": "me", "password": Sealed.of("wrong", KEY)}
    absent = str(right["url"]).replace("x.git", "y.git")
    for wrong, reason in (({"auth": refused}, "Forbidden"), ({"url": absent}, "RemoteNotFound")):
        world.repository = {**right, **wrong}
        failure = (await world.settle()).failures[DATA]
        assert failure.reason == reason
        await world.look(due=True)
        assert not await is_open(world)
        assert world.files() == {"app/data/a": b"here"}
    world.repository = right
    await world.settle()
    assert world.files() == world.remote_files() == {"app/data/a": b"precious"}


async def test_l_changing_file_and_remote_converge(world: GitWorld) -> None:
    """A file that is written to all the time, and a remote that moves, cost no second cycle."""
    world.write("app/data/busy", b"0")
    world.write("app/data/still", b"0")
    await world.back_up()
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            world.write("app/data/busy", b"%d" % number * 1000)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        world.push_as_other("app/data/theirs", b"theirs")
        world.write("app/data/still", b"changed")
        for _ in range(2):
            await world.look(due=True)
    finally:
        over.set()
        await asyncio.to_thread(writer.join)
    there = world.remote_files()
    assert there["app/data/still"] == b"changed"
    assert there["app/data/theirs"] == b"theirs"
    assert there["app/data/busy"] != b"0"
    assert world.remote_branches() == ["main"]


async def test_m_rejected_push_is_a_failure(world: GitWorld) -> None:
    """A push that the host refuses is told as that, and as no success, until one gets through."""
    world.write("app/data/a", b"one")
    await world.back_up()
    pushed = (await world.vitals())["pushed"]
    hook = world.bare / "hooks" / "update"
    hook.write_text("#!/bin/sh\necho protected branch >&2\nexit 1\n")
    hook.chmod(0o755)
    world.write("app/data/a", b"two")
    failure = (await world.look(due=True)).failures[DATA]
    assert failure.reason == "PushRefused"
    vitals = await world.vitals()
    assert vitals["pushed"] == pushed
    assert vitals["error"]["reason"] == "PushRefused"
    assert await world.health() == ("Degraded", "PushRefused")
    hook.unlink()
    await world.look(due=True)
    assert await world.health() == ("Healthy", "BackedUp")
    assert world.remote_files() == {"app/data/a": b"two"}


async def test_s_odd_names(world: GitWorld) -> None:
    """Names with .git inside, blanks, brackets, other scripts, pushed and restored over HTTP."""
    names = [
        "my.github.io/x",
        "a.git/config",
        ".gitignore",
        "a b",
        "[b](c)*?",
        "数据/聊天.txt",
        "-x",
    ]
    for name in names:
        world.write(f"app/data/{name}", name.encode())
    await world.back_up()
    before = world.files()
    assert len(before) == len(names)
    assert world.remote_files() == before
    world.wipe()
    shutil.rmtree(world.folder / "stack/state/repos")
    world.restart(stack=True)
    await world.settle()
    assert world.files() == before
