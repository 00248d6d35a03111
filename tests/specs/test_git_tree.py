from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.specs.toys import SpecFolder, app

from reconciler.core.errors import Terminal, Transient
from reconciler.core.model import Ref
from reconciler.specs.git import Git
from reconciler.specs.nodes import Limits

WEB, DB = Ref("App", "web"), Ref("App", "db")


def command_of(folder: SpecFolder) -> object:
    return folder.load().resources[WEB].spec.command


def test_head_is_desired(repository: SpecFolder) -> None:
    """An edit is pending until it is committed, then it is wanted."""
    first = repository.load()
    assert first.revision == repository.git("rev-parse", "HEAD")
    assert (first.source, first.pending) == ("git", ())
    repository.app("web", "command: b")
    repository.app("db")
    repository.write("notes.txt", "x")
    edited = repository.load()
    assert edited.pending == ("specs/db.yaml added", "specs/web.yaml modified")
    assert edited.resources is first.resources
    revision = repository.commit()
    snapshot = repository.load()
    assert (snapshot.revision, snapshot.pending) == (revision, ())
    assert snapshot.resources[WEB].spec.command == "b"
    (repository.specs / "db.yaml").unlink()
    assert repository.load().pending == ("specs/db.yaml deleted",)


def test_nothing_new_is_the_same_snapshot(repository: SpecFolder) -> None:
    """A commit elsewhere is only a new revision of the same resources."""
    first = repository.load()
    assert repository.load() is first
    (repository.root / "README").write_text("x")
    revision = repository.commit()
    second = repository.load()
    assert second.revision == revision
    assert second.resources is first.resources
    assert repository.loader.parses == 1


def test_a_commit_costs_what_it_changed(repository: SpecFolder) -> None:
    """Only the changed document among many is read and parsed."""
    for number in range(200):
        repository.app(f"a{number}", "command: x")
    repository.commit()
    repository.load()
    assert repository.loader.parses == 201
    repository.app("a7", "command: y")
    repository.git("mv", "specs/a8.yaml", "specs/b8.yaml")
    repository.git("rm", "-q", "specs/a9.yaml")
    repository.commit()
    snapshot = repository.load()
    assert repository.loader.parses == 203
    assert Ref("App", "a9") not in snapshot.resources
    assert str(snapshot.resources[Ref("App", "a8")].origin) == "specs/b8.yaml:1"
    assert snapshot.resources == repository.fresh_loader().load().resources


def test_the_repository_may_be_larger_than_the_stack(tmp_path: Path) -> None:
    """Specs deep in a repository keep their paths from their own root."""
    root = tmp_path / "deploy" / "pro%d [x]"
    root.mkdir(parents=True)
    folder = SpecFolder(root)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    folder.app("web", "command: a")
    (tmp_path / "other.yaml").write_text("nope")
    folder.commit()
    assert str(folder.load().resources[WEB].origin) == "specs/web.yaml:1"
    folder.app("web", "command: b")
    assert folder.load().pending == ("specs/web.yaml modified",)
    folder.commit()
    assert command_of(folder) == "b"


def test_a_folder_becomes_a_repository(folder: SpecFolder) -> None:
    """Files count until the first commit; from then on only commits do."""
    folder.app("web", "command: a")
    assert folder.load().source == "files"
    folder.git("init", "-q")
    folder.app("web", "command: b")
    assert (command_of(folder), folder.load().source) == ("b", "files")
    revision = folder.commit()
    folder.app("web", "command: c")
    assert command_of(folder) == "b"
    assert folder.load().revision == revision


def test_worktree_means_the_files(repository: SpecFolder) -> None:
    """For development: what is written is wanted, committed or not."""
    folder = SpecFolder(repository.root, worktree=True)
    folder.app("web", "command: b")
    assert command_of(folder) == "b"
    assert (folder.load().source, folder.load().pending) == ("worktree", ())


def test_a_vanished_repository_is_no_folder(repository: SpecFolder) -> None:
    """Edits that nobody committed do not become wanted because .git is away."""
    repository.load()
    repository.app("web", "command: b")
    (repository.root / ".git").rename(repository.root / "away")
    with pytest.raises(Transient):
        repository.load()
    (repository.root / "away").rename(repository.root / ".git")
    assert command_of(repository) == "a"


@pytest.mark.parametrize("damage", ["HEAD", "refs/heads/main", "objects", "config"])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_damaged_repository_is_unknown(repository: SpecFolder, damage: str, fresh: bool) -> None:
    """Neither its files nor an empty set of specs take its place."""
    repository.load()
    repository.app("web", "command: b")
    path = repository.root / ".git" / damage
    if path.is_dir():
        shutil.rmtree(path)
        path.mkdir()
    else:
        path.write_text("[nonsense")
    with pytest.raises(Transient):
        (repository.fresh_loader() if fresh else repository.loader).load()


def test_a_lost_object_is_unknown(repository: SpecFolder) -> None:
    """A commit whose file is lost is not a commit without it."""
    repository.app("web", "command: b")
    repository.commit()
    name = repository.git("rev-parse", "HEAD:specs/web.yaml")
    (repository.root / ".git" / "objects" / name[:2] / name[2:]).unlink()
    with pytest.raises(Transient, match="git"):
        repository.load()


def test_locks_of_others_do_not_matter(repository: SpecFolder) -> None:
    """A commit in the making, or a stale lock, keeps nobody from reading."""
    git = repository.root / ".git"
    for lock in ("index.lock", "HEAD.lock", "packed-refs.lock"):
        (git / lock).touch()
    assert command_of(repository) == "a"
    assert {path.name for path in git.glob("*.lock")} == {
        "index.lock",
        "HEAD.lock",
        "packed-refs.lock",
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_somebody_else_is_unknown(
    repository: SpecFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git's refusal is passed on with the command that mends it, for the root of the repository."""
    monkeypatch.setenv("HOME", str(repository.root))
    committed = repository.load().revision
    for path in (repository.root, repository.root / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(Transient, match=r"safe\.directory") as caught:
        repository.load()
    assert caught.value.reason == "DubiousOwnership"
    subprocess.run(["sh", "-c", str(caught.value).partition("run: ")[2]], check=True)
    assert repository.load().revision == committed


def test_git_that_is_not_there(repository: SpecFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git nothing is known of HEAD, and the files are no answer."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Transient, match="git cannot be started"):
        repository.load()


def conflict(folder: SpecFolder) -> str:
    """Two branches that changed the same line, the work tree on main."""
    folder.git("checkout", "-q", "-b", "other")
    folder.app("web", "command: other")
    folder.commit()
    folder.git("checkout", "-q", "main")
    folder.app("web", "command: main")
    return folder.commit()


@pytest.mark.parametrize(
    ("begin", "name"),
    [
        (("merge", "other"), "merge"),
        (("rebase", "other"), "rebase"),
        (("rebase", "--apply", "other"), "rebase"),
        (("cherry-pick", "other"), "cherry-pick"),
    ],
)
@pytest.mark.parametrize("fresh", [False, True])
def test_the_last_revision_stays_meanwhile(
    repository: SpecFolder, begin: tuple[str, ...], name: str, fresh: bool
) -> None:
    """Whoever is in the middle of a merge or rebase has not decided yet."""
    revision = conflict(repository)
    repository.load()
    with pytest.raises(subprocess.CalledProcessError):
        repository.git(*begin)
    snapshot = (repository.fresh_loader() if fresh else repository.loader).load()
    assert snapshot.revision == revision
    assert snapshot.resources[WEB].spec.command == "main"
    assert f"{name} in progress: HEAD is read again when it is done" in snapshot.pending
    repository.git(begin[0], "--abort")
    assert repository.load().pending == ()


@pytest.mark.parametrize("fresh", [False, True])
def test_a_bisect_changes_nothing(repository: SpecFolder, fresh: bool) -> None:
    """A search through the past is no wish for the past."""
    good = repository.git("rev-parse", "HEAD")
    for number in range(3):
        repository.app("web", f"command: b{number}")
        repository.commit()
    repository.load()
    repository.git("bisect", "start", "HEAD", good)
    assert repository.git("rev-parse", "HEAD") != repository.git("rev-parse", "main")
    snapshot = (repository.fresh_loader() if fresh else repository.loader).load()
    assert snapshot.resources[WEB].spec.command == "b2"


def test_a_linked_work_tree_has_its_own_head(repository: SpecFolder, tmp_path: Path) -> None:
    """Each work tree follows its own branch, with packed refs too."""
    linked = tmp_path / "linked"
    repository.git("worktree", "add", "-q", "-b", "other", str(linked))
    repository.git("pack-refs", "--all")
    folder = SpecFolder(linked)
    folder.app("web", "command: linked")
    folder.commit()
    assert command_of(folder) == "linked"
    assert command_of(repository) == "a"
    places = folder.loader.watch_paths()
    git = repository.root.resolve() / ".git"
    assert places == (folder.specs, git / "worktrees" / "linked" / "logs", git / "refs")


def test_where_to_look_for_news(folder: SpecFolder) -> None:
    """The files; in a repository also the places where git notes a new HEAD."""
    assert folder.loader.watch_paths() == (folder.specs,)
    folder.git("init", "-q")
    git = folder.root.resolve() / ".git"
    assert set(folder.loader.watch_paths()) >= {folder.specs, git, git / "refs"}
    folder.commit()
    assert set(folder.loader.watch_paths()) == {folder.specs, git / "logs", git / "refs"}


def test_links_in_a_commit(repository: SpecFolder) -> None:
    """A link inside the repository is followed, one that leaves it is an error."""
    (repository.root / "shared.yaml").write_text(app("shared"))
    (repository.specs / "in.yaml").symlink_to("../shared.yaml")
    (repository.specs / "out.yaml").symlink_to("/etc/passwd.yaml")
    (repository.specs / "up.yaml").symlink_to("../../x.yaml")
    (repository.specs / "folder.yaml").symlink_to(".")
    repository.commit()
    snapshot = repository.load()
    assert snapshot.resources.keys() == {WEB, Ref("App", "shared")}
    assert [str(problem.path) for problem in snapshot.problems] == [
        "specs/folder.yaml",
        "specs/out.yaml",
        "specs/up.yaml",
    ]
    (repository.root / "shared.yaml").write_text(app("shared", "command: b"))
    repository.commit()
    assert repository.load().resources[Ref("App", "shared")].spec.command == "b"


def test_large_files_in_a_commit_stay_unread(tmp_path: Path) -> None:
    """The limit holds for commits too."""
    folder = SpecFolder(tmp_path, limits=Limits(file_bytes=200))
    folder.git("init", "-q")
    folder.app("web")
    folder.write("big.yaml", "#" * 201)
    folder.commit()
    assert folder.said() == [
        "specs/big.yaml:1:1 the file has 201 bytes; 200 is the most that is read"
    ]
    assert WEB in folder.load().resources


def test_a_commit_with_too_much_in_it_is_not_read(tmp_path: Path) -> None:
    """Each file is small enough; all of them together need not be."""
    folder = SpecFolder(tmp_path, limits=Limits(total=2 << 20))
    folder.git("init", "-q")
    for number in range(3):
        folder.write(f"{number}.yaml", f"# {number}\n{'#' * 1_000_000}\n")
    folder.commit()
    with pytest.raises(Terminal, match="more than 2 MiB of specs") as refused:
        folder.load()
    assert refused.value.reason == "TooLarge"


def test_one_content_under_many_names_counts_each_time(tmp_path: Path) -> None:
    """Git keeps it once; who parses it reads it under each name. What came before counts too."""
    folder = SpecFolder(tmp_path, limits=Limits(total=2 << 20))
    folder.git("init", "-q")
    text = f"{'#' * 1_000_000}\n"
    for name in ("a", "b"):
        folder.write(f"{name}.yaml", text)
    folder.commit()
    folder.load()
    folder.write("c.yaml", text)
    folder.commit()
    for loader in (folder.loader, folder.fresh_loader()):
        with pytest.raises(Terminal, match="more than 2 MiB of specs"):
            loader.load()


def test_a_history_that_was_rewritten(repository: SpecFolder) -> None:
    """A force push or a reset is one more revision, even when the old commit is gone."""
    repository.load()
    repository.app("web", "command: b")
    repository.git("add", "-A")
    repository.git("commit", "-q", "--amend", "-m", "x")
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "-q", "--prune=now")
    assert command_of(repository) == "b"


def test_nothing_committed_below_specs_is_nothing_wanted(repository: SpecFolder) -> None:
    """HEAD speaks for the whole folder; a guard against mass deletion is elsewhere."""
    repository.git("rm", "-rq", "specs")
    repository.commit()
    assert repository.load().resources == {}
    repository.specs.mkdir(exist_ok=True)
    repository.app("db")
    assert repository.load().pending == ("specs/db.yaml added",)


def test_the_environment_of_a_hook_does_not_mislead(
    repository: SpecFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIT_DIR and its like, as set inside a hook, are not ours."""
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere")
    assert command_of(repository) == "a"


def test_git_that_does_not_answer(
    repository: SpecFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A git that hangs is ended and the specs are unknown."""
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr("reconciler.specs.git.PATIENCE", 0.1)
    with pytest.raises(Transient, match="did not answer"):
        Git(repository.root).run("status")
