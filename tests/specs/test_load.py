from __future__ import annotations

from pathlib import Path, PurePath

import pytest
from tests.specs.toys import SpecFolder, app

from reconciler.core.errors import Transient
from reconciler.core.model import Ref
from reconciler.specs.nodes import Limits

WEB, DB = Ref("App", "web"), Ref("App", "db")
ROUTE = "apiVersion: reconciler.dev/v1\nkind: Route\nmetadata: {name: %s}\n"
GATEWAY = (
    "apiVersion: reconciler.dev/v1\nkind: Gateway\nmetadata: {name: %s}\nspec:\n  title: mine\n"
)


def test_nothing_new_is_the_same_snapshot(folder: SpecFolder) -> None:
    """Nobody has to compare: the object itself is the same."""
    path = folder.app("web", "command: a")
    first = folder.load()
    assert folder.load() is first
    path.touch()
    assert folder.load() is first
    assert folder.loader.parses == 1


def test_an_edit_is_one_document_read(folder: SpecFolder) -> None:
    """A changed file costs the same among 10 and among 10,000: only it is parsed."""
    for number in range(300):
        folder.app(f"a{number}", "command: x")
    folder.load()
    assert folder.loader.parses == 300
    folder.app("a7", "command: y")
    changed = folder.load().resources[Ref("App", "a7")]
    assert changed.spec.command == "y"
    assert folder.loader.parses == 301


def test_an_edited_document_is_the_only_one_read(folder: SpecFolder) -> None:
    """In a file of many documents, too; those below only move."""
    texts = [app(f"a{number}", "command: x") for number in range(50)]
    folder.write("all.yaml", "---\n".join(texts))
    first = folder.load()
    texts[7] = app("a7", "command: y\nshell: ~")
    folder.write("all.yaml", "---\n".join(texts))
    second = folder.load()
    assert folder.loader.parses == 51
    assert second.resources[Ref("App", "a7")].spec.command == "y"
    before, after = (one.resources[Ref("App", "a49")] for one in (first, second))
    assert after.origin.line == before.origin.line + 1
    assert after.spec is before.spec


def test_the_revision_names_the_content(folder: SpecFolder) -> None:
    """Going back to the old content is the old revision."""
    folder.app("web", "command: a")
    first = folder.load().revision
    folder.app("web", "command: b")
    assert folder.load().revision != first
    folder.app("web", "command: a")
    assert folder.load().revision == first
    assert folder.load().source == "files"


def test_a_broken_file_keeps_what_it_had(folder: SpecFolder) -> None:
    """It freezes only its own resources, and nothing may be deleted meanwhile."""
    folder.write("pair.yaml", app("web", "command: a") + "---\n" + app("b2"))
    folder.app("db", "command: a")
    folder.load()
    folder.write("pair.yaml", app("web", "command: b") + "---\n" + app("b2", "nope: 1"))
    folder.app("db", "command: b")
    broken = folder.load()
    assert broken.resources[WEB].spec.command == "a"
    assert Ref("App", "b2") in broken.resources
    assert broken.resources[DB].spec.command == "b"
    assert broken.broken == {PurePath("specs/pair.yaml")}
    assert not broken.whole
    folder.write("pair.yaml", "{ still broken")
    assert folder.load().resources[WEB].spec.command == "a"
    folder.write("pair.yaml", app("web", "command: c"))
    mended = folder.load()
    assert mended.resources.keys() == {WEB, DB}
    assert mended.resources[WEB].spec.command == "c"
    assert mended.whole


def test_a_file_broken_from_the_start_is_absent(folder: SpecFolder) -> None:
    """What it would have held is not known, so nothing may be deleted."""
    folder.write("web.yaml", app("web") + "---\nnope")
    folder.app("db")
    snapshot = folder.load()
    assert snapshot.resources.keys() == {DB}
    assert not snapshot.whole


def test_a_deleted_file_is_gone(folder: SpecFolder) -> None:
    """Deleting what is broken mends it."""
    folder.app("web", "command: a")
    folder.app("db")
    folder.load()
    folder.app("web", "nope: 1")
    assert WEB in folder.load().resources
    (folder.specs / "web.yaml").unlink()
    snapshot = folder.load()
    assert snapshot.resources.keys() == {DB}
    assert snapshot.whole


def test_a_name_is_written_once(folder: SpecFolder) -> None:
    """Both places are told, and what was there before stays."""
    folder.app("web", "command: a", file="a.yaml")
    folder.load()
    folder.write("b.yaml", "\n" + app("web", "command: b"))
    twice = folder.load()
    problem = twice.problems[0]
    assert str(problem) == "specs/b.yaml:4:18 App/web is already defined in specs/a.yaml:1"
    assert twice.resources[WEB].spec.command == "a"
    assert twice.frozen == {WEB}
    assert twice.whole
    (folder.specs / "a.yaml").unlink()
    assert folder.load().resources[WEB].spec.command == "b"
    assert folder.load().problems == ()


def test_a_name_twice_in_one_file(folder: SpecFolder) -> None:
    """One file does not define a name twice either; neither is taken on a fresh start."""
    folder.write("a.yaml", app("web") + "---\n" + app("web"))
    snapshot = folder.load()
    assert [str(p) for p in snapshot.problems] == [
        "specs/a.yaml:7:18 App/web is already defined in specs/a.yaml:1"
    ]
    assert snapshot.resources == {}
    assert not snapshot.whole


def test_a_name_written_twice_is_written(folder: SpecFolder) -> None:
    """Who needs it is not told that nobody defines it."""
    folder.app("db", "needs: [App/web]")
    for file in ("a.yaml", "b.yaml"):
        folder.app("web", file=file)
    assert [problem.path.name for problem in folder.load().problems] == ["b.yaml"]


def test_a_resource_may_move_to_another_file(folder: SpecFolder) -> None:
    """A move is no deletion, even while the old file is broken."""
    folder.app("web", "command: a", file="a.yaml")
    folder.load()
    folder.write("a.yaml", "nope")
    folder.app("web", "command: b", file="b.yaml")
    snapshot = folder.load()
    assert snapshot.resources[WEB].spec.command == "b"
    assert len(snapshot.problems) == 1


def test_a_need_that_nobody_wrote_holds_only_its_owner(folder: SpecFolder) -> None:
    """The place of the need is told, with a guess."""
    folder.app("web", "command: a")
    folder.app("data")
    folder.load()
    folder.app("web", "command: b\nneeds: [App/dta]")
    folder.app("db", "needs: [App/data]")
    snapshot = folder.load()
    (problem,) = snapshot.problems
    assert str(problem) == "specs/web.yaml:6:11 App/web needs App/dta, which no spec defines"
    assert problem.hint == 'did you mean "App/data"?'
    assert snapshot.resources[WEB].spec.command == "a"
    assert DB in snapshot.resources


def test_a_need_inside_a_broken_file_is_not_missing(folder: SpecFolder) -> None:
    """Unknown is not absent."""
    folder.app("web", "needs: [App/db]")
    folder.app("db", "nope: 1")
    snapshot = folder.load()
    assert WEB in snapshot.resources
    assert len(snapshot.problems) == 1


def test_a_circle_is_named_with_its_files(folder: SpecFolder) -> None:
    """Whoever needs each other is held, the rest is not."""
    folder.app("web", "needs: [App/db]")
    folder.app("db", "needs: [App/web]")
    folder.app("cache", "needs: [App/web]")
    snapshot = folder.load()
    (problem,) = snapshot.problems
    assert str(problem).startswith("specs/db.yaml:5:11 a circle: App/db needs App/web needs App/db")
    assert "specs/web.yaml:1" in problem.hint
    assert snapshot.frozen == {WEB, DB}
    assert snapshot.resources.keys() == {Ref("App", "cache")}


def test_routes_imply_a_gateway(folder: SpecFolder) -> None:
    """A stack with routes has a gateway, written or not; a written one counts."""
    folder.app("web")
    gateway = Ref("Gateway", "gateway")
    assert gateway not in folder.load().resources
    folder.write("r.yaml", ROUTE % "r")
    assert folder.load().resources[gateway].spec.title == ""
    folder.write("g.yaml", GATEWAY % "mine")
    assert folder.load().resources[Ref("Gateway", "mine")].spec.title == "mine"
    assert gateway not in folder.load().resources


def test_a_gateway_is_not_implied_where_one_may_be_written(folder: SpecFolder) -> None:
    """A file that cannot be read may hold it."""
    folder.write("r.yaml", ROUTE % "r")
    folder.write("g.yaml", GATEWAY % "mine" + "  nope: 1\n")
    assert folder.load().resources.keys() == {Ref("Route", "r")}


@pytest.mark.parametrize("more", ["  nope: 1\n", "  url: ${LOST}\n"], ids=["broken", "lost"])
def test_a_written_gateway_is_not_replaced_by_an_implied_one(folder: SpecFolder, more: str) -> None:
    """It stays as it was while nobody can say what it is, whatever its name is."""
    folder.write("r.yaml", ROUTE % "r")
    folder.write("g.yaml", GATEWAY % "gateway")
    before = folder.load().resources[Ref("Gateway", "gateway")]
    folder.write("g.yaml", GATEWAY % "gateway" + more)
    snapshot = folder.load()
    assert snapshot.problems
    assert snapshot.resources[Ref("Gateway", "gateway")] is before


def test_a_second_gateway_is_refused(folder: SpecFolder) -> None:
    """There is one per stack; the first one known stays."""
    folder.write("a.yaml", GATEWAY % "a")
    folder.load()
    folder.write("b.yaml", GATEWAY % "b")
    snapshot = folder.load()
    assert [str(p) for p in snapshot.problems] == [
        "specs/b.yaml:3:18 a stack has one Gateway; another is in specs/a.yaml:1"
    ]
    assert snapshot.resources.keys() == {Ref("Gateway", "a")}


def test_which_files_are_specs(folder: SpecFolder) -> None:
    """YAML at any depth; nothing hidden, nothing else."""
    for name in ("a.yaml", "b.yml", "x/y/c.yaml", ".d.yaml", ".hidden/e.yaml", "f.json", "g.yaml~"):
        folder.app(name[-6] if name[-6:-5].isalpha() else "z", file=name)
    assert {ref.name for ref in folder.load().resources} == {"a", "z", "c"}


def test_links_stay_inside(folder: SpecFolder, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A link to a file below the root is read, one that leaves is an error."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.yaml"
    elsewhere.write_text(app("stolen"))
    (folder.root / "shared.yaml").write_text(app("shared"))
    (folder.specs / "in.yaml").symlink_to("../shared.yaml")
    (folder.specs / "out.yaml").symlink_to(elsewhere)
    (folder.specs / "gone.yaml").symlink_to("nowhere.yaml")
    snapshot = folder.load()
    assert snapshot.resources.keys() == {Ref("App", "shared")}
    assert [str(problem) for problem in snapshot.problems] == [
        "specs/gone.yaml:1:1 the link leads nowhere",
        "specs/out.yaml:1:1 the link leads out of the folder that holds the specs",
    ]


def test_large_files_stay_unread(tmp_path: Path) -> None:
    """More than the limit is an error of that file alone."""
    folder = SpecFolder(tmp_path, limits=Limits(file_bytes=200))
    folder.app("web")
    folder.write("big.yaml", "#" * 201)
    assert folder.said() == [
        "specs/big.yaml:1:1 the file has 201 bytes; 200 is the most that is read"
    ]
    assert WEB in folder.load().resources


def test_a_folder_that_is_not_there_is_not_empty(folder: SpecFolder) -> None:
    """A missing folder is an error and never zero specs."""
    folder.app("web")
    folder.load()
    folder.specs.rename(folder.root / "away")
    with pytest.raises(Transient, match="does not exist"):
        folder.load()
    (folder.root / "away").rename(folder.specs)
    assert WEB in folder.load().resources


def test_strange_file_names_can_be_printed(folder: SpecFolder) -> None:
    """A problem of a file with any name can be written anywhere."""
    (folder.specs / "a\n\udcff.yaml").write_text("nope")
    (said,) = folder.said()
    said.encode()
    assert "\n" not in said


def test_what_is_brief_to_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file or two of this machine; a whole folder, a link or a large file may take long."""
    folder = SpecFolder(tmp_path, worktree=True)
    monkeypatch.setattr("reconciler.specs.folder.are_local", lambda _: True)
    monkeypatch.setattr("reconciler.specs.load.BRIEF", 60.0)  # however busy this machine is
    web, db = str(folder.app("web", "command: a")), str(folder.app("db", "command: a"))
    assert not folder.loader.is_brief({web})  # nothing was loaded yet
    folder.load()
    assert folder.loader.is_brief({web, db})
    assert folder.loader.is_brief({str(folder.specs / "gone.yaml")})
    assert not folder.loader.is_brief({str(folder.specs / "gone")})  # it may have been a folder
    assert not folder.loader.is_brief({str(folder.specs)})
    large, link = folder.specs / "large.yaml", folder.specs / "link.yaml"
    large.write_text("#" * 5000)
    link.symlink_to("web.yaml")
    assert not folder.loader.is_brief({str(large)})
    assert not folder.loader.is_brief({str(link)})
    for leads in ("envFile: [.env]", "env: {A: {from: {file: a}}}", "reload: {files: [/mnt/x]}"):
        assert not folder.loader.is_brief({str(folder.app("other", f"command: a\n  {leads}"))})
    assert not folder.loader.is_brief({web, db, str(folder.specs / "gone.yaml")})
    monkeypatch.setattr("reconciler.specs.folder.are_local", lambda _: False)
    folder.load()
    assert not folder.loader.is_brief({web})  # a disk over a network
