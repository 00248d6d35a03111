"""The real AstrBot: 800 MB from PyPI, so only in the long run."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.testing import eventually, free_port

from .moved import move_ports
from .stack import ROOT, Stack

pytestmark = [pytest.mark.soak, pytest.mark.real, pytest.mark.timeout(900)]

EXAMPLE = ROOT / "examples" / "astrbot"
OURS = ("specs", "run", "setup", "start-astrbot", ".gitignore")
DATABASE = "AstrBot/data/data_v4.db"
LOGIN = {
    "username": "astrbot",
    "password": hashlib.md5(b"astrbot", usedforsecurity=False).hexdigest(),
}


@pytest.fixture
def example(folder: Path) -> Iterator[Stack]:
    """The example in a folder of its own, on free ports; AstrBot itself is installed once."""
    root = folder / "examples" / "astrbot"
    root.mkdir(parents=True)
    (folder / ".venv").symlink_to(sys.prefix)
    for name in OURS:
        source = EXAMPLE / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, root / name)
    (EXAMPLE / ".venv").mkdir(exist_ok=True)
    (root / ".venv").symlink_to(EXAMPLE / ".venv")
    with (root / ".gitignore").open("a") as ignored:
        ignored.write("/.venv\n/up.log\n")
    files = (root / "run", *(root / "specs").iterdir())
    ports = move_ports(files, ("7860", "6185", "8418"))
    screen = f'":{free_port() % 50000 + 100}"'
    for path in files:
        text = path.read_text().replace("interval: 180s", "interval: 2s")
        path.write_text(text.replace('":1"', screen))
    start = root / "start-astrbot"
    # Writes down what AstrBot finds when it starts.
    looks = "set -euo pipefail\n[ ! -e data/data_v4.db ] || cp data/data_v4.db ../found.db\n"
    start.write_text(start.read_text().replace("set -euo pipefail\n", looks))
    stack = Stack(root, ports["7860"], folder / "home")
    stack.begin()
    yield stack
    stack.end()


def login(stack: Stack) -> str:
    """A token of AstrBot's dashboard, by the way a browser takes."""
    status, body = stack.fetch("/api/auth/login", post=LOGIN)
    assert status == 200, body
    said = json.loads(body)
    assert said["status"] == "ok", said
    return str(said["data"]["token"])


def personas(database: Path) -> set[str]:
    """What a database of AstrBot's holds; an AssertionError when it is none."""
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            rows = connection.execute("SELECT persona_id FROM personas").fetchall()
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    except sqlite3.DatabaseError as error:
        raise AssertionError(error) from error
    return {str(row[0]) for row in rows}


def kept_personas(stack: Stack, folder: Path) -> set[str]:
    """The same, of the copy in the remote."""
    copy = folder / "remote.db"
    copy.write_bytes(
        stack.read_remote(stack.root / "backup" / "astrbot.git", "show", f"main:{DATABASE}")
    )
    return personas(copy)


def test_astrbot_lives_here(example: Stack, folder: Path) -> None:
    """It answers through the gateway, and after a loss its data is back before it starts."""
    stack = example
    stack.start("./run")
    token = eventually(lambda: login(stack), 600, every=0.5)
    assert not (stack.root / "found.db").exists()
    assert stack.fetch("/")[0] == 200
    assert stack.fetch("/webui") == (301, "/webui/")
    stack.settle(60)
    napcat = stack.resource("Process/napcat-0")
    assert not napcat["vitals"].get("pid"), napcat
    assert stack.fetch("/webui/")[0] == 503  # NapCat is not there, which is told once it is missed
    eventually(lambda: stack.resource("Route/proxy-webui")["health"]["reason"] == "Refused", 30)

    made = {"persona_id": "canary", "system_prompt": "Sing when the air is good."}
    status, body = stack.fetch("/api/persona/create", post=made, token=token)
    assert (status, json.loads(body)["status"]) == (200, "ok"), body
    eventually(lambda: "canary" in kept_personas(stack, folder), 60, every=0.5)

    assert stack.stop() in {0, 130}
    assert [process.cmdline() for process in stack.running()] == []
    shutil.rmtree(stack.root / "AstrBot" / "data")
    stack.start("./run")
    token = eventually(lambda: login(stack), 120, every=0.5)
    assert "canary" in personas(stack.root / "found.db")
    assert "canary" in personas(stack.root / DATABASE)
    assert "Sing when the air is good." in stack.fetch("/api/persona/list", token=token)[1]
    stack.settle(60)
