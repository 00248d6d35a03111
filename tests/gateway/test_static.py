"""Folders that are served as they are, by the real nginx."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.errors import Terminal
from reconciler.kinds.route.health import health

from .conftest import Gateway

pytestmark = pytest.mark.real


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small site, and a secret beside it."""
    root = tmp_path / "site"
    files = {
        "index.html": "<h1>home</h1>",
        "app.js": "js",
        "a b+c%.txt": "odd",
        "docs/index.html": "docs",
        ".env": "secret",
        ".git/config": "secret",
        "docs/.hidden/x": "secret",
        ".well-known/acme": "known",
        ".well-known/.x": "secret",
        "empty/x.bin": "0123456789",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (tmp_path / "secret").write_text("secret")
    (root / "out.txt").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to(tmp_path)
    tmp_path.chmod(0o755)
    return root


def static(root: Path, prefix: str = "/", **more: object) -> dict[str, object]:
    return {"match": {"pathPrefix": prefix}, "static": {"root": str(root), **more}}


async def test_files_are_served(gateway: Gateway, site: Path) -> None:
    """With their types, asked for again by ETag, in parts, and their heads alone."""
    await gateway.serve(site=static(site))
    home = await gateway.get("/")
    assert (home.status_code, home.text) == (200, "<h1>home</h1>")
    assert home.headers["Content-Type"] == "text/html; charset=utf-8"
    assert home.headers["Cache-Control"] == "no-cache"
    script = await gateway.get("/app.js?v=1")
    assert (script.text, script.headers["Content-Type"]) == ("js", "text/javascript; charset=utf-8")
    again = await gateway.get("/app.js", headers={"If-None-Match": script.headers["ETag"]})
    assert (again.status_code, again.text) == (304, "")
    part = await gateway.get("/empty/x.bin", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.text) == (206, "234")
    head = await gateway.client.head("/empty/x.bin")
    assert (head.status_code, head.headers["Content-Length"], head.text) == (200, "10", "")
    assert (await gateway.get("/a%20b+c%25.txt")).text == "odd"
    assert (await gateway.get("/.well-known/acme")).text == "known"


async def test_only_reading(gateway: Gateway, site: Path) -> None:
    """Nothing can be sent to a folder."""
    await gateway.serve(site=static(site))
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"):
        answer = await gateway.client.request(method, "/app.js")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


HIDDEN = [
    "/.env",
    "/%2eenv",
    "/.git/config",
    "/docs/.hidden/x",
    "/.well-known/.x",
    "/out.txt",
    "/up/secret",
    "/up/site/index.html",
    "/../secret",
    "/docs/..%2f..%2fsecret",
    "/docs/%2e%2e/%2e%2e/secret",
    "//../secret",
    "/docs/..;/..;/secret",
    "/..\\secret",
    "/%00/../secret",
    "/nothing",
    "/empty/",
    "/empty",
]


@pytest.mark.parametrize("spa", [False, True])
async def test_nothing_else_is(gateway: Gateway, site: Path, spa: bool) -> None:
    """Not what begins with a dot, not what a link points at, nothing above the folder."""
    await gateway.serve(site=static(site, spa=spa))
    for path in HIDDEN:
        line = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        answer = await gateway.raw(line.encode())
        assert b"secret" not in answer, path
        status = answer.split(b" ")[1]
        assert status in {b"400", b"404"} or (spa and b"<h1>home</h1>" in answer), path


async def test_a_prefix_stands_for_the_folder(gateway: Gateway, site: Path) -> None:
    """Below a prefix, with a folder's own slash, and the query kept."""
    await gateway.serve(site=static(site, "/web/"), bare=static(site, "/bare"))
    assert (await gateway.get("/web/app.js")).text == "js"
    assert (await gateway.get("/web/")).text == "<h1>home</h1>"
    assert (await gateway.get("/web/docs/")).text == "docs"
    folder = await gateway.get("/web/docs?x=1")
    assert (folder.status_code, folder.headers["Location"]) == (302, "/web/docs/?x=1")
    assert (await gateway.get("/bare/app.js")).text == "js"
    assert (await gateway.get("/bare")).text == "<h1>home</h1>"


async def test_pages_of_an_application_are_its_index(gateway: Gateway, site: Path) -> None:
    """A path that is no file is the index; a file that is missing is missing."""
    await gateway.serve(app=static(site, "/app/", spa=True), other=static(site, index="app.js"))
    browser = {"Accept": "text/html"}
    for path in ("/app/users/7", "/app/x/y/"):
        assert (await gateway.get(path)).text == "<h1>home</h1>"
    assert (await gateway.get("/app/v1.2", headers=browser)).text == "<h1>home</h1>"
    assert (await gateway.get("/app/lost.js")).status_code == 404
    assert (await gateway.get("/app/docs/")).text == "docs"
    assert (await gateway.get("/")).text == "js"


async def test_a_link_may_lead_to_the_folder_itself(gateway: Gateway, site: Path) -> None:
    """`current -> releases/42` is how folders are replaced at once."""
    current = site.parent / "current"
    current.symlink_to(site)
    await gateway.serve(site=static(current))
    assert (await gateway.get("/app.js")).text == "js"
    assert (await gateway.get("/out.txt")).status_code == 404


async def test_the_stacks_own_state_is_never_served(gateway: Gateway) -> None:
    """Neither a folder of it, nor one that it lies in."""
    state = gateway.parts.place.state_dir
    for root in (state, state / "state", state.parent, Path("/")):
        with pytest.raises(Terminal, match="the stack's own state"):
            await gateway.parts.routes.apply(gateway.put("x", static(root)))


async def test_a_folder_that_is_not_there_is_told(gateway: Gateway, site: Path) -> None:
    """A mistyped root would look like an empty one; once it is there, all is well."""
    lost = site.parent / "lost"
    await gateway.serve(site=static(lost))
    assert (await gateway.get("/")).status_code == 404
    await gateway.settled()
    said = health((await gateway.parts.routes.observe())["site"])
    assert (said.reason, str(lost) in said.message) == ("FolderMissing", True)
    lost.mkdir()
    await gateway.settled()
    assert health((await gateway.parts.routes.observe())["site"]).reason == "Served"
