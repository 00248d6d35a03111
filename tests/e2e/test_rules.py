"""The original's calls on a real stack: who posts rules changes what nginx serves, and only so."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.testing import eventually, free_port

from .stack import Stack

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

SPECS = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: app}
spec: {command: [python3, -m, http.server, "APP", --bind, 127.0.0.1, --directory, site]}
---
apiVersion: reconciler.dev/v1
kind: Gateway
metadata: {name: gateway}
spec: {listen: PUBLIC}
"""
RULES = "/admin/routes.json"
SLASH = {
    "id": "redirect-webui-slash",
    "action": "redirect",
    "priority": 200,
    "redirect_to": "/webui/",
    "match": {"path_equal": "/webui"},
}


class Desk:
    """Somebody at the original's page: a stack, its password, and what is asked through nginx."""

    def __init__(self, stack: Stack, app: int) -> None:
        self.stack, self.app = stack, app
        self.password = (stack.state / "state" / "admin.password").read_text().strip()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", timeout=30)

    def ask(self, path: str, post: Any = None, password: str | None = None) -> httpx.Response:
        """One call with the password, or another one."""
        headers = {"X-Admin-Password": self.password if password is None else password}
        body = post if isinstance(post, bytes) else None
        said = None if isinstance(post, bytes) else post
        method = "GET" if post is None else "POST"
        return self.client.request(method, path, headers=headers, json=said, content=body)

    def post(self, *rules: dict[str, Any]) -> None:
        """Have these rules, served."""
        said = self.ask(RULES, {"rules": list(rules)})
        assert (said.status_code, said.json()) == (200, {"ok": True}), said.text
        self.stack.settle()

    def proxy(self, name: str, prefix: str, pad: int = 1) -> dict[str, Any]:
        """A rule that hands a prefix to the program, by the name of its host."""
        header = {"name": "X-Pad", "value": "x" * pad}
        backend = f"http://localhost:{self.app}"
        return {
            "id": name,
            "priority": 180,
            "backend": backend,
            "set_headers": [header],
            "match": {"path_prefix": prefix},
        }

    def code(self, path: str) -> int:
        """The status of an answer; 0 where nobody listens."""
        try:
            return self.client.get(path).status_code
        except httpx.TransportError:
            return 0

    def lose_table(self, content: bytes) -> None:
        """The gateway is killed, and begins anew with this file."""
        kept = self.stack.state / "state" / "gateway" / "table.json"
        number = self.stack.state / "run" / "gateway.pid"
        pid = number.read_text()
        kept.write_bytes(content)
        os.kill(int(pid), signal.SIGKILL)
        eventually(lambda: number.read_text().strip() not in {"", pid.strip()}, 30)

    def head(self) -> str:
        return self.stack.git("rev-parse", "HEAD")


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    """A program and a gateway without routes, running."""
    port, app = free_port(), free_port()
    root = folder / "r"
    for path, text in {
        "specs/app.yaml": SPECS.replace("APP", str(app)).replace("PUBLIC", str(port)),
        "site/webui/index.html": "webui",
        ".gitignore": "/.reconciler/\n/up.log\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    stack = Stack(root, port, folder / "home")
    stack.begin()
    try:
        stack.up()
        desk = Desk(stack, app)
        with desk.client:
            yield desk
    finally:
        stack.end()


def test_rules_as_the_original_took_them(desk: Desk) -> None:
    """Its calls and shapes, without its failures: each of these once bit somebody."""
    it_is_closed(desk)
    what_is_wrong_changes_nothing(desk)
    what_is_right_is_served(desk)
    a_write_that_cannot_be_says_so(desk)
    long_lists_are_served(desk)
    lost_files_open_nothing(desk)
    another_password_counts_at_once(desk)


def it_is_closed(desk: Desk) -> None:
    """Nobody comes in without the password, with an empty one least of all."""
    assert desk.client.get(RULES).status_code == 401
    assert desk.ask(RULES, password="").status_code == 401
    assert desk.ask(RULES, {"rules": []}, password="admin").status_code == 403


def what_is_wrong_changes_nothing(desk: Desk) -> None:
    """It is named by its id; an empty list stays one."""
    before = desk.head()
    assert '"rules":[]' in desk.ask(RULES).text.replace(" ", "")
    bad = {"id": "bad", "backend": "http://h", "match": {"referer_regex": "("}}
    for body, status, told in (
        (b'{"rules": [', 400, "invalid json"),
        ({"rules": "x"}, 400, "rules must be array"),
        ({"rules": [SLASH, bad]}, 422, "rule 'bad': match.referer_regex"),
    ):
        said = desk.ask(RULES, body)
        assert (said.status_code, told in said.json()["error"]) == (status, True), said.text
    assert (desk.head(), desk.code("/webui")) == (before, 404)


def what_is_right_is_served(desk: Desk) -> None:
    """A redirect keeps the query; a backend may be a name."""
    desk.post(SLASH, desk.proxy("proxy-webui", "/webui/"))
    said = desk.client.get("/webui?a=%2F")
    assert (said.status_code, said.headers["Location"]) == (301, "/webui/?a=%2F")
    assert desk.client.get("/webui/").text == "webui"


def a_write_that_cannot_be_says_so(desk: Desk) -> None:
    """Somebody is in the middle of an edit of that file: nothing of either is lost."""
    edited, written = desk.stack.root / "specs" / "50-routes.yaml", desk.head()
    before = edited.read_text()
    edited.write_text(before + "# half an idea\n")
    assert desk.ask(RULES, {"rules": [SLASH]}).status_code == 409
    assert edited.read_text() == before + "# half an idea\n"
    edited.write_text(before)
    assert desk.head() == written


def long_lists_are_served(desk: Desk) -> None:
    """24 KiB, and 2 MiB."""
    for count in (6, 520):
        desk.post(*(desk.proxy(f"p{n}", f"/p{n}/", 4000) for n in range(count)), SLASH)
        assert desk.code("/webui") == 301
        assert len(desk.ask(RULES).content) > count * 4000


def lost_files_open_nothing(desk: Desk) -> None:
    """The gateway gets its table back from the specs; without a hash nobody comes in."""
    for content in (b"", b'{"version":1'):
        desk.lose_table(content)
        eventually(lambda: desk.code("/webui") == 301, 30)
        assert desk.ask(RULES, password="").status_code == 401
    kept = desk.stack.state / "state" / "admin.hash"
    before = kept.read_bytes()
    kept.write_bytes(b"")
    assert desk.ask(RULES, password="").status_code == 401
    assert desk.ask(RULES).status_code >= 400
    kept.write_bytes(before)


def another_password_counts_at_once(desk: Desk) -> None:
    """And no commit has either."""
    new = "correct horse battery"
    assert desk.ask("/admin/password", {"new_password": new}).json() == {"ok": True}
    assert desk.ask(RULES).status_code == 403
    assert desk.ask(RULES, password=new).status_code == 200
    history = desk.stack.git("log", "-p", "--all")
    assert desk.password not in history
    assert new not in history
