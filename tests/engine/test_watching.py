"""Files of processes: what counts as an edit, and that it is heard of once, when it is quiet."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path, PurePath

import pytest
from tests.toys import TOYS, app, desired

from reconciler.core.model import Ref
from reconciler.core.request import Watch
from reconciler.engine.watching import Watched, Watching, concerns, watched
from reconciler.testing import eventually_async

WEB, API = Ref("App", "web-0"), Ref("App", "api-0")


@pytest.mark.parametrize(
    ("path", "heard"),
    [
        ("app.py", True),
        ("deep/er/app.py", True),
        (".git/index", False),
        ("node_modules/a/b.js", False),
        ("pkg/__pycache__/a.cpython-311.pyc", False),
        ("server.log", False),
        (".app.py.swp", False),
        ("app.py~", False),
        ("4913", False),
        ("notes.txt", False),
        ("deep/notes.txt", False),
        ("build/out.js", False),
        ("src/gen/a.py", False),
        ("src/gen/b/c.py", False),
        ("src/other.py", True),
        (".reconciler/state/db", False),
        ("specs/web.yaml", False),
    ],
)
def test_what_counts_as_an_edit(path: str, *, heard: bool) -> None:
    """Not what tools and programs write or the spec ignores, not our own state, not the specs."""
    watch = Watch(("/srv/app",), ("*.txt", "build", "./src/gen"))
    own = (PurePath("/srv/app/.reconciler"), PurePath("/srv/app/specs"))
    assert concerns(watch, PurePath("/srv/app") / path, own=own) is heard


def test_elsewhere_is_nothing() -> None:
    """A folder whose name begins alike is another one."""
    assert not concerns(Watch(("/srv/app",)), PurePath("/srv/app2/a.py"))


def test_a_watched_folder_may_lie_in_an_ignored_one() -> None:
    """Only what is below the watched path is judged: a project may live anywhere."""
    assert concerns(Watch(("/home/me/venv/site",)), PurePath("/home/me/venv/site/a.py"))


def test_only_who_wants_it_is_watched() -> None:
    """A kind says whose files; nobody's else are."""
    want = desired(app("web"))
    assert watched(TOYS, want, everything=False) == {}


class Heard:
    """Watches real files, and remembers what it heard."""

    def __init__(self) -> None:
        self.watches: dict[Ref, Watch] = {}
        self.hits: list[tuple[str, str]] = []
        self.watching = Watching(self.wanted, self.hit)

    def wanted(self) -> Watched:
        """What is to be watched now."""
        return dict(self.watches)

    def hit(self, ref: Ref, why: str) -> None:
        """Somebody's file changed."""
        self.hits.append((ref.name, why))


@pytest.fixture
async def heard() -> AsyncIterator[Heard]:
    """Watches real files."""
    made = Heard()
    task = asyncio.create_task(made.watching.run())
    yield made
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _awake(heard: Heard, folder: Path) -> None:
    """The watch is set up once an edit is heard of."""
    heard.hits.clear()
    names = [f"awake-{number}.py" for number in range(40)]
    touched: list[str] = []

    async def is_heard() -> bool:
        touched.append(names.pop())
        await asyncio.to_thread(lay, folder / touched[-1])
        await eventually_async(lambda: heard.hits, 1)
        return True

    await eventually_async(is_heard)
    # What was touched last is heard too, before anything else is.
    await eventually_async(lambda: any(touched[-1] in why for _, why in heard.hits))
    heard.hits.clear()


def lay(path: Path) -> None:
    """A file that is there at once, so that the kernel tells of it once."""
    new = path.parents[1] / "new"
    new.write_text("x")
    new.replace(path)


async def test_a_burst_is_heard_once(heard: Heard, tmp_path: Path) -> None:
    """After a quiet time, by name; another process does not hear of it."""
    web, api = tmp_path / "web", tmp_path / "api"
    for folder in (web, api):
        folder.mkdir()
    heard.watches = {
        WEB: Watch((str(web),), (), 0.5),
        API: Watch((str(api),), (), 0.5),
    }
    heard.watching.look_again()
    await _awake(heard, web)
    for name in ("a.py", "b.py", "c.py", "d.py", "e.log"):
        (web / name).write_text("x")
    await eventually_async(lambda: heard.hits)
    assert heard.hits == [("web-0", "a.py, b.py, c.py and 1 more changed")]


async def test_what_is_watched_may_change(heard: Heard, tmp_path: Path) -> None:
    """An edit of the specs counts at once; a folder that comes later is found."""
    first, late = tmp_path / "first", tmp_path / "late"
    first.mkdir()
    heard.watches = {WEB: Watch((str(first),), (), 0.05)}
    heard.watching.look_again()
    await _awake(heard, first)
    heard.watches = {WEB: Watch((str(late),), (), 0.05)}
    heard.watching.look_again()
    await asyncio.sleep(0)
    late.mkdir()
    await _awake(heard, late)
    (late / "file.py").write_text("x")
    await eventually_async(lambda: heard.hits)
    assert heard.hits == [("web-0", "file.py changed")]


async def test_a_folder_may_go_and_come_back(heard: Heard, tmp_path: Path) -> None:
    """As a checkout or a build does it."""
    folder = tmp_path / "dist"
    folder.mkdir()
    heard.watches = {WEB: Watch((str(folder),), (), 0.05)}
    heard.watching.look_again()
    await _awake(heard, folder)
    shutil.rmtree(folder)
    await eventually_async(lambda: heard.hits)
    heard.hits.clear()
    folder.mkdir()
    (folder / "made.py").write_text("x")  # before anybody can have noticed the folder
    await eventually_async(lambda: heard.hits)
    await _awake(heard, folder)
    (folder / "file.py").write_text("x")
    await eventually_async(lambda: heard.hits)
    assert heard.hits == [("web-0", "file.py changed")]


async def test_a_single_file_may_be_replaced(heard: Heard, tmp_path: Path) -> None:
    """Editors put a new file in the place of the old one, again and again."""
    path = tmp_path / "app.py"
    path.write_text("0")
    heard.watches = {WEB: Watch((str(path),), (), 0.05)}
    heard.watching.look_again()

    async def replaced() -> bool:
        new = tmp_path / "new"
        new.write_text("x")
        new.replace(path)
        await asyncio.sleep(0.2)
        return bool(heard.hits)

    for _ in range(3):
        await eventually_async(replaced)
        assert heard.hits[0] == ("web-0", "app.py changed")
        heard.hits.clear()
