"""What counts as left behind by a stack, and what only looks like it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.stack.kernel import environ, is_zombie
from reconciler.stack.leftovers import left_behind
from reconciler.testing import eventually

pytestmark = pytest.mark.real

SLEEP = ("sleep", "86400")
CHROOT = "import os, sys; os.chroot(sys.argv[1]); sys.stdin.read()"


@contextmanager
def tagged(state_dir: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that says it is of a stack in ``state_dir``."""
    tag = {"RECONCILER_STATE_DIR": str(state_dir), "RECONCILER_STACK_START": "1-a"}
    environment = {"PATH": os.environ["PATH"], **tag}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as process:
        try:
            eventually(lambda: b"RECONCILER_STACK_START" in environ(process.pid))
            yield process
        finally:
            process.kill()


def sleeps(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\0")


def test_what_carries_its_name_is_of_a_stack(stack_dir: Path) -> None:
    """Also when a hand took the folder away: nobody else's can be meant."""
    with tagged(stack_dir, *SLEEP) as left:
        assert left_behind(stack_dir) == {left.pid}
        shutil.rmtree(stack_dir)
        assert left_behind(stack_dir) == {left.pid}
        stack_dir.mkdir()


def test_a_folder_of_that_name_elsewhere_is_another(stack_dir: Path) -> None:
    """A container has a stack of its own at the same path: it is not ours to end."""
    mounted = f'mount -t tmpfs none "{stack_dir}" && exec sleep 86400'
    command = ("unshare", "-m", "sh", "-c", mounted)
    if subprocess.run([*command[:4], f'mount -t tmpfs none "{stack_dir}"'], check=False).returncode:
        pytest.skip("nobody may mount here")
    with tagged(stack_dir, *command) as other:
        eventually(lambda: sleeps(other.pid))
        assert left_behind(stack_dir) == set()


def test_a_link_does_not_lead_out_of_another_root(stack_dir: Path, tmp_path: Path) -> None:
    """A path over a link is looked at in the other's root, not in ours."""
    if os.geteuid():
        pytest.skip("only root may change its root")
    link = stack_dir / "link"
    link.symlink_to(stack_dir)
    there = Path(f"{tmp_path}{link}")
    there.parent.mkdir(parents=True)
    there.symlink_to(stack_dir)
    with tagged(link, sys.executable, "-c", CHROOT, str(tmp_path)) as other:
        eventually(lambda: os.readlink(f"/proc/{other.pid}/root") == str(tmp_path))  # noqa: PTH115
        assert left_behind(link) == set()


def test_a_root_without_the_folder_is_another(stack_dir: Path, tmp_path: Path) -> None:
    """The same for a mere chroot."""
    if os.geteuid():
        pytest.skip("only root may change its root")
    with tagged(stack_dir, sys.executable, "-c", CHROOT, str(tmp_path)) as other:
        eventually(lambda: os.readlink(f"/proc/{other.pid}/root") == str(tmp_path))  # noqa: PTH115
        assert left_behind(stack_dir) == set()


def test_who_asks_from_below_a_stack_is_spared(stack_dir: Path) -> None:
    """Neither itself nor its terminal: what it ran below is not what is left."""
    code = (
        "import sys, pathlib, reconciler.stack.leftovers as l;"
        "print(sorted(l.left_behind(pathlib.Path(sys.argv[1]))))"
    )
    inner = f"{sys.executable} -c '{code}' '{stack_dir}'; true"
    outer = ["sh", "-c", 'sh -c "$0"; true', inner]
    tag = {"RECONCILER_STATE_DIR": str(stack_dir), "RECONCILER_STACK_START": "1-a"}
    done = subprocess.run(
        outer, env={**os.environ, **tag}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n", done.stderr


def test_what_has_ended_is_not_left(stack_dir: Path) -> None:
    """A zombie only waits to be noticed."""
    with tagged(stack_dir, *SLEEP) as left:
        left.kill()
        eventually(lambda: is_zombie(left.pid))
        assert left_behind(stack_dir) == set()
