"""Edits are proven before they are written, and committed without anybody noticing in his index."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.specs.toys import SpecFolder

from reconciler.core.errors import ReconcileError
from reconciler.core.model import Ref
from reconciler.specs import commit as commit_module
from reconciler.specs import desk as desk_module
from reconciler.specs.desk import Desk, Wish
from reconciler.specs.faults import InvalidEdit

WEB, API = Ref("App", "web"), Ref("App", "api")


def app(name: str, **spec: Any) -> dict[str, Any]:
    about = {"apiVersion": "reconciler.dev/v1", "kind": "App", "metadata": {"name": name}}
    return {**about, "spec": spec}


def edit(folder: SpecFolder, *documents: dict[str, Any], gone: tuple[Ref, ...] = ()) -> list[str]:
    """The files that changed."""
    desk = Desk(folder.specs, folder.loader)
    wanted: dict[Ref, Any] = {Ref(one["kind"], one["metadata"]["name"]): one for one in documents}
    wish = Wish(wanted | dict.fromkeys(gone), "Ann <a@b>\nX: y", "50-more.yaml", "because")
    with desk.alone():
        made = desk.propose(wish)
        desk.write(made)
    return sorted(made.files)


def refused(folder: SpecFolder, *documents: dict[str, Any], gone: tuple[Ref, ...] = ()) -> str:
    """Why the edit is refused; the world is as it was."""
    before = world(folder)
    with pytest.raises(ReconcileError) as refusal:
        edit(folder, *documents, gone=gone)
    assert world(folder) == before
    return f"{refusal.value.reason}: {refusal.value}"


def world(folder: SpecFolder) -> dict[str, bytes]:
    """Every file of the specs and what git has of them."""
    files = {str(one): one.read_bytes() for one in folder.specs.rglob("*") if one.is_file()}
    if (folder.root / ".git").exists():
        files["git"] = folder.git("for-each-ref").encode()
        files["status"] = folder.git("status", "--porcelain").encode()
    return files


def test_who_holds_the_folder_is_not_waited_for_for_ever(
    folder: SpecFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could read the specs meanwhile."""
    monkeypatch.setattr(desk_module, "PATIENCE", 0.05)
    descriptor = os.open(folder.specs, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert "Locked: another program has" in refused(folder, app("web", command="b"))
    finally:
        os.close(descriptor)
    assert edit(folder, app("web", command="b")) == ["specs/50-more.yaml"]


def test_a_plain_folder_is_just_written(folder: SpecFolder) -> None:
    """The file the resource stands in is edited, a new one goes to its home."""
    path = folder.write("web.yaml", "# mine\n\n" + folder.app("web", "command: a # x").read_text())
    path.chmod(0o640)
    assert edit(folder, app("web", command="b"), app("api", command="c")) == [
        "specs/50-more.yaml",
        "specs/web.yaml",
    ]
    assert path.read_text().startswith("# mine\n\n")
    assert path.read_text().endswith("command: b # x\n")
    assert path.stat().st_mode & 0o777 == 0o640
    assert {ref.name for ref in folder.load().resources} == {"web", "api"}
    assert sorted(one.name for one in folder.specs.iterdir()) == ["50-more.yaml", "web.yaml"]
    edit(folder, gone=(WEB, API))
    assert sorted(one.name for one in folder.specs.iterdir()) == ["web.yaml"]  # the note is left


def test_a_commit_holds_the_edit_and_nothing_else(repository: SpecFolder) -> None:
    """Its author is who asked; what others staged or edited stays as it was, the hook unheard."""
    repository.app("db")
    repository.app("other")
    repository.commit()
    repository.load()
    hook = repository.root / ".git/hooks"
    for name in ("pre-commit", "post-commit", "commit-msg", "reference-transaction"):
        (hook / name).write_text(f"#!/bin/sh\ntouch {repository.root}/ran-{name}\nexit 1\n")
        (hook / name).chmod(0o755)
    repository.app("db", "command: staged")
    repository.git("add", "specs/db.yaml")
    repository.app("other", "command: edited")
    repository.write("untracked.yaml", "x")
    before = repository.git("status", "--porcelain")
    parent = repository.git("rev-parse", "HEAD")
    edit(repository, app("web", command="b"), app("api"))
    assert repository.git("status", "--porcelain") == before
    assert repository.git("rev-parse", "HEAD^") == parent
    names = repository.git("show", "--name-only", "--format=", "HEAD").split()
    assert names == ["specs/50-more.yaml", "specs/web.yaml"]
    who = repository.git("show", "-s", "--format=%an|%ae|%cn|%ce|%s|%b", "HEAD")
    assert who == (
        "Ann  a@b X: y|Ann-a-b-X-y@localhost|reconciler|reconciler@localhost|"
        "change App/web, App/api|because"
    )
    assert not list(repository.root.glob("ran-*"))
    assert not list((repository.root / ".git").glob("*.lock"))
    snapshot = repository.load()
    assert snapshot.revision == repository.git("rev-parse", "HEAD")
    assert snapshot.resources[WEB].spec.command == "b"
    assert "specs/web.yaml modified" not in snapshot.pending
    # what the next plain commit of the user holds is what he staged, and does not undo the edit
    for name in ("pre-commit", "commit-msg", "reference-transaction"):
        (hook / name).unlink()
    repository.git("commit", "-q", "-m", "mine")
    assert repository.git("show", "--name-only", "--format=", "HEAD") == "specs/db.yaml"


def test_an_edit_that_says_the_same_commits_nothing(repository: SpecFolder) -> None:
    """Not even an empty commit."""
    repository.load()
    before = world(repository)
    assert edit(repository, app("web", command="a")) == []
    assert world(repository) == before


@pytest.mark.parametrize("how", ["modified", "staged", "untracked", "deleted", "ignored"])
def test_pending_edits_of_that_file_are_not_written_over(repository: SpecFolder, how: str) -> None:
    """A conflict, and nothing changes."""
    document = app("web", command="b")
    if how in {"modified", "staged"}:
        repository.app("web", "command: mine")
    if how == "staged":
        repository.git("add", "-A")
    if how == "deleted":
        (repository.specs / "web.yaml").unlink()
    if how in {"untracked", "ignored"}:
        document = app("api")
        repository.write("50-more.yaml", "# mine\n")
    if how == "ignored":
        (repository.root / ".git/info/exclude").write_text("50-more.yaml\n")
    assert refused(repository, document).startswith("EditsPending: specs/")


def test_a_repository_in_the_middle_of_something_is_left_alone(repository: SpecFolder) -> None:
    """Merge, rebase, bisect, a lock, no branch: each with the way out."""
    own = repository.root / ".git"
    repository.load()
    document = app("web", command="b")
    for name, why in (
        ("MERGE_HEAD", "Unfinished: a merge is in progress"),
        ("rebase-merge", "Unfinished: a rebase"),
        ("BISECT_LOG", "Unfinished: a bisect"),
        ("index.lock", "Locked: another git works in"),
    ):
        if name == "rebase-merge":
            (own / name).mkdir()
        else:
            (own / name).write_text(repository.git("rev-parse", "HEAD"))
        assert refused(repository, document).startswith(why)
        (own / name).rmdir() if name == "rebase-merge" else (own / name).unlink()
    repository.git("checkout", "-q", "--detach")
    assert refused(repository, document).startswith("NoBranch: ")


def test_a_link_is_not_written_through(folder: SpecFolder, tmp_path: Path) -> None:
    """Neither to a file elsewhere, nor through a linked folder, nor one that git knows."""
    (tmp_path / "elsewhere.yaml").write_bytes(folder.app("web").read_bytes())
    (folder.specs / "web.yaml").unlink()
    (folder.specs / "web.yaml").symlink_to("../elsewhere.yaml")
    assert "is a link: edit the file it leads to" in refused(folder, app("web", command="b"))
    folder.git("init", "-q")
    folder.commit()
    assert "is a link: edit the file it leads to" in refused(folder, app("web", command="b"))


def test_what_would_break_anything_is_refused(repository: SpecFolder) -> None:
    """With the resource and the field; what was broken before in other files is no reason."""
    repository.load()
    assert "needs App/web" in refused(repository, app("api", needs=["App/web"]), gone=(WEB,))
    repository.write("bad.yaml", "kind: App\nmetadata: {name: bad}\n")
    repository.commit()
    with pytest.raises(InvalidEdit) as refusal:
        edit(repository, app("web", command="b"), app("api", ports=[{"name": "a", "port": 0}]))
    (fault,) = refusal.value.faults
    assert (fault.ref, fault.at) == ("App/api", "spec.ports[0].port")
    assert fault.message == '"ports[0].port" must be at least 1'
    assert edit(repository, app("web", command="b"))


def test_a_file_with_a_mistake_is_mended_first(folder: SpecFolder) -> None:
    """An edit of it would not count."""
    folder.write(
        "web.yaml", folder.app("web").read_text() + "---\nkind: App\nmetadata: {name: x}\n"
    )
    reason = refused(folder, app("web", command="b"))
    assert reason == 'Invalid: App/x: "apiVersion" is missing'
    folder.write("bad.yaml", "kind: [\n")
    assert "specs/bad.yaml: line 1 has a mistake" in refused(folder, app("other"))


def test_full_disks_and_closed_folders_are_told(repository: SpecFolder) -> None:
    """A write that fails says so, and leaves what was."""
    repository.load()
    if os.getuid() == 0:
        place = repository.specs / "50-more.yaml"
        place.mkdir()
        (place / "x").write_text("")
        assert "50-more.yaml" in refused(repository, app("api"))
        return
    repository.specs.chmod(0o500)
    try:
        assert refused(repository, app("web", command="b")).startswith("WriteFailed: cannot write")
    finally:
        repository.specs.chmod(0o700)


def test_many_writers_lose_no_edit(repository: SpecFolder) -> None:
    """Each in its turn, in threads with loaders of their own."""
    failures: list[BaseException] = []

    def write(number: int) -> None:
        own = SpecFolder(repository.root)
        own.load()
        try:
            edit(own, app(f"a{number}", command=str(number)))
        except ReconcileError as exc:
            failures.append(exc)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failures
    assert {f"a{n}" for n in range(8)} <= {ref.name for ref in repository.load().resources}
    assert repository.git("status", "--porcelain") == ""


def test_line_ends_that_git_turns_are_turned(repository: SpecFolder) -> None:
    """The work tree has this machine's line ends, the commit has its own."""
    (repository.root / ".gitattributes").write_text("*.yaml text eol=crlf\n")
    repository.commit()
    (repository.specs / "web.yaml").unlink()
    repository.git("checkout", "--", "specs/web.yaml")
    repository.load()
    assert b"\r\n" in (repository.specs / "web.yaml").read_bytes()
    edit(repository, app("web", command="b"))
    data = (repository.specs / "web.yaml").read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n") > 0
    assert "\r" not in repository.git("cat-file", "blob", "HEAD:specs/web.yaml")
    assert repository.git("status", "--porcelain") == ""


def test_a_file_that_got_long_is_followed_by_another(folder: SpecFolder) -> None:
    """Nobody wants to scroll through half a megabyte of routes."""
    many = [app(f"a{n}", args=["x" * 2000]) for n in range(300)]
    assert edit(folder, *many) == ["specs/50-more-2.yaml", "specs/50-more.yaml"]
    assert len(folder.load().resources) == 300


def test_who_commits_meanwhile_wins(
    repository: SpecFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HEAD moved between the look and the move: a conflict, and the file is as it was."""
    repository.load()
    moved = commit_module._move_head

    def late(*words: Any) -> None:
        repository.git("commit", "-q", "--allow-empty", "-m", "faster")
        moved(*words)

    monkeypatch.setattr(commit_module, "_move_head", late)
    before = (repository.specs / "web.yaml").read_bytes()
    with pytest.raises(ReconcileError) as refusal:
        edit(repository, app("web", command="b"), app("api"))
    assert refusal.value.reason == "Conflict"
    assert (repository.specs / "web.yaml").read_bytes() == before
    assert repository.git("status", "--porcelain") == ""
    assert repository.git("show", "-s", "--format=%s") == "faster"


def test_who_is_killed_in_between_has_changed_nothing_that_counts(
    repository: SpecFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit is there as one that is pending; HEAD, and what is wanted, is as it was."""
    repository.load()
    head = repository.git("rev-parse", "HEAD")

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commit_module, "_move_head", die)
    with pytest.raises(KeyboardInterrupt):
        edit(repository, app("web", command="b"))
    assert repository.git("rev-parse", "HEAD") == head
    assert repository.load().pending == ("specs/web.yaml modified",)
    assert repository.load().resources[WEB].spec.command == "a"
    assert not list(repository.specs.glob(".*"))


@pytest.mark.parametrize("where", ["nested", "worktree", "linked"])
def test_wherever_the_specs_lie(tmp_path: Path, where: str) -> None:
    """Deep in a repository, in a linked work tree, behind a link: it is committed there."""
    first = SpecFolder(tmp_path)
    first.git("init", "-q")
    root = tmp_path / "deploy" / "one"
    root.mkdir(parents=True)
    folder = SpecFolder(root)
    folder.app("web", "command: a")
    first.commit()
    if where == "worktree":
        first.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
        folder = SpecFolder(tmp_path / "other" / "deploy" / "one")
    if where == "linked":
        (tmp_path / "stack").mkdir()
        (tmp_path / "stack" / "specs").symlink_to("../deploy/one/specs")
        folder = SpecFolder(tmp_path / "stack")
    folder.load()
    assert edit(folder, app("web", command="b"), app("api"))
    named = first.git(
        "show", "--name-only", "--format=", "refs/heads/other" if where == "worktree" else "HEAD"
    )
    assert named.split() == ["deploy/one/specs/50-more.yaml", "deploy/one/specs/web.yaml"]
    assert folder.load().resources[WEB].spec.command == "b"
    assert folder.load().pending == ()
    assert "command: b" in (folder.specs / "web.yaml").read_text()
