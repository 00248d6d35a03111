"""The original's variables stand for resources, where no file speaks of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Ref
from reconciler.core.units import NAME_PATTERN
from reconciler.kinds import KINDS
from reconciler.specs.environment import Environment, targets_of
from reconciler.specs.load import Loader, Snapshot
from reconciler.specs.source import open_source

BACKUP = Ref("Repository", "backup")
DATA = Ref("SyncTarget", "astrbot-data")
ENVIRON = {
    "SYNC_TARGETS": "home/user/AstrBot/data/ home/user/nginx/admin_config.json",
    "EXCLUDE_PATHS": "home/user/AstrBot/data/memes_data /home/user/AstrBot/data/tmp/ elsewhere",
    "GITHUB_REPO": "me/backup",
    "GITHUB_PAT": "canary-4711",
    "GIT_BRANCH": "data",
    "BACKUP_INTERVAL_SECONDS": "120",
    "BASE": "/srv",
}
TARGET = """\
apiVersion: reconciler.dev/v1
kind: SyncTarget
metadata: {name: %s}
spec: {repository: backup, path: %s}
"""
PROCESS = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: web}
spec: {command: [sleep, '1'], dependsOn: [{ref: SyncTarget/astrbot-data, condition: restored}]}
"""


class Folder:
    """Specs, and the variables around them."""

    def __init__(self, root: Path, environ: dict[str, str]) -> None:
        self.specs = root / "specs"
        self.specs.mkdir()
        self.loader = Loader(KINDS, open_source(self.specs), root=root, environ=environ, key=b"key")

    def write(self, name: str, text: str) -> Snapshot:
        (self.specs / name).write_text(text)
        return self.loader.load()


def load(root: Path, environ: dict[str, str], *texts: str) -> Snapshot:
    folder = Folder(root, environ)
    for number, text in enumerate(texts):
        (folder.specs / f"{number}.yaml").write_text(text)
    return folder.loader.load()


def spec(snapshot: Snapshot, ref: Ref) -> Any:
    return snapshot.resources[ref].spec


def test_without_any_yaml(tmp_path: Path) -> None:
    """The variables make a repository and a target for each path; no secret is in the open."""
    snapshot = load(tmp_path, ENVIRON)
    assert snapshot.problems == ()
    assert snapshot.whole
    repository = spec(snapshot, BACKUP)
    assert repository.url == "https://github.com/me/backup.git"
    assert (repository.branch, repository.interval, repository.base) == ("data", 120.0, "/srv")
    assert repository.auth.username == "x-access-token"
    assert repository.auth.password.reveal() == "canary-4711"
    assert "canary" not in repr(snapshot)
    data = spec(snapshot, DATA)
    assert data.path == "home/user/AstrBot/data/"
    assert data.excludes == ("memes_data", "tmp")
    single = spec(snapshot, Ref("SyncTarget", "nginx-admin-config-json"))
    assert (single.path, single.excludes) == ("home/user/nginx/admin_config.json", ())


def test_their_origin_is_the_variable(tmp_path: Path) -> None:
    """Whoever looks for where it is written finds the name of the variable."""
    snapshot = load(tmp_path, ENVIRON)
    assert str(snapshot.resources[DATA].origin) == "SYNC_TARGETS"
    assert str(snapshot.resources[BACKUP].origin) == "GITHUB_REPO"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BACKUP_INTERVAL_SECONDS", "soon"),
        ("GIT_BRANCH", "-x"),
        ("GITHUB_REPO", "https://me:pw@example.com/x.git"),
        ("SYNC_TARGETS", "home/../etc/"),
        ("GIT_USER_NAME", "<x>"),
        ("BASE", "--upload-pack=x"),
        ("DOWNLOAD_RETRY", "many"),
        ("LARGE_THRESHOLD", "huge"),
    ],
)
def test_a_mistake_is_told_of_the_variable(tmp_path: Path, variable: str, value: str) -> None:
    """It holds back what it is about, and nothing is deleted for it."""
    snapshot = load(tmp_path, {**ENVIRON, variable: value})
    assert snapshot.problems
    assert {str(one.path) for one in snapshot.problems} == {variable}
    assert str(snapshot.problems[0]).startswith(f"{variable} ")
    assert not snapshot.whole


def test_a_file_wins_by_its_name(tmp_path: Path) -> None:
    """A resource of the same name is what the file says, and the rest is what the variables say."""
    folder = Folder(tmp_path, ENVIRON)
    assert DATA in folder.loader.load().resources
    snapshot = folder.write("a.yaml", TARGET % ("astrbot-data", "other/"))
    assert snapshot.problems == ()
    assert spec(snapshot, DATA).path == "other/"
    assert str(snapshot.resources[DATA].origin) == "specs/a.yaml:1"
    assert Ref("SyncTarget", "nginx-admin-config-json") in snapshot.resources
    (folder.specs / "a.yaml").unlink()
    assert spec(folder.loader.load(), DATA).path == "home/user/AstrBot/data/"


def test_a_file_wins_by_its_path(tmp_path: Path) -> None:
    """One path is not kept twice."""
    snapshot = load(tmp_path, ENVIRON, TARGET % ("mine", "home/user/AstrBot/data/"))
    assert DATA not in snapshot.resources
    assert Ref("SyncTarget", "mine") in snapshot.resources


def test_a_file_that_breaks_changes_nothing(tmp_path: Path) -> None:
    """What a file said counts as long as it cannot be read; the variable does not step in."""
    folder = Folder(tmp_path, ENVIRON)
    folder.write("a.yaml", TARGET % ("astrbot-data", "other/"))
    snapshot = folder.write("a.yaml", "{")
    assert spec(snapshot, DATA).path == "other/"


def test_files_may_need_them(tmp_path: Path) -> None:
    """A process waits for a target that stands in no file."""
    snapshot = load(tmp_path, ENVIRON, PROCESS)
    assert snapshot.problems == ()
    assert Ref("Process", "web") in snapshot.resources
    (tmp_path / "b").mkdir()
    (problem,) = load(tmp_path / "b", {}, PROCESS).problems
    assert "no spec defines" in problem.message


def test_edits_go_into_files(tmp_path: Path) -> None:
    """What a variable says stands in no file, and a file may say otherwise."""
    folder = Folder(tmp_path, ENVIRON)
    folder.loader.load()
    assert folder.loader.written("SyncTarget") == {}
    text = (TARGET % ("astrbot-data", "other/")).encode()
    trial = folder.loader.trial({"specs/new.yaml": text})
    assert spec(trial, DATA).path == "other/"
    assert spec(folder.loader.load(), DATA).path == "home/user/AstrBot/data/"


def test_large_files(tmp_path: Path) -> None:
    """They go to releases on GitHub, as they always did, unless that is switched off."""
    large = spec(load(tmp_path, ENVIRON), DATA).large_files
    assert (large.store, large.threshold, large.tag) == ("release", 50 << 20, "blobs")
    more = {"LARGE_THRESHOLD": "1048576", "RELEASE_TAG": "big", "DOWNLOAD_RETRY": "5"}
    (tmp_path / "b").mkdir()
    large = spec(load(tmp_path / "b", {**ENVIRON, **more, "VERIFY_SHA": "false"}), DATA).large_files
    assert (large.threshold, large.tag, large.retries, large.verify) == (1 << 20, "big", 5, False)
    for name, other in (("c", {"LFS_ENABLED": "false"}), ("d", {"GITHUB_REPO": "/srv/x.git"})):
        (tmp_path / name).mkdir()
        assert spec(load(tmp_path / name, {**ENVIRON, **other}), DATA).large_files is None


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"GITHUB_REPO": "backup", "GITHUB_USER": "me", "GITHUB_PAT": "x"}, "me/backup"),
        ({"github_project": "me/b.git", "github_secret": "x"}, "me/b"),
    ],
)
def test_other_spellings(environ: dict[str, str], url: str) -> None:
    """The names of all eras count."""
    assert Environment(environ).url() == f"https://github.com/{url}.git"


def test_elsewhere_than_github() -> None:
    """A whole url, or a folder, is taken as it is."""
    assert Environment({"GITHUB_REPO": "/srv/x.git"}).url() == "/srv/x.git"
    some = {"GITHUB_REPO": "http://h:1/x.git", "GITHUB_PAT": "x"}
    assert Environment(some).url() == "http://h:1/x.git"
    for lacking in ({}, {"GITHUB_REPO": "me/x"}, {"GITHUB_PAT": "x"}):
        assert Environment(lacking).url() == ""


def test_nothing_without_targets(tmp_path: Path) -> None:
    """Whoever has the other variables for something else gets nothing of it."""
    assert load(tmp_path, {**ENVIRON, "SYNC_TARGETS": " "}).resources == {}


@given(
    st.lists(st.text("abAB/._- ü", max_size=12), max_size=8), st.lists(st.text("ab/", max_size=8))
)
def test_names_are_legal_and_their_own(paths: list[str], excludes: list[str]) -> None:
    """Whatever is written, every path that names something has one target of a legal name."""
    import re

    found = targets_of(paths, excludes)
    names = [one.name for one in found]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(NAME_PATTERN, name) for name in names)
    assert {one.path for one in found} == {path.lstrip("/") for path in paths if path.strip("/")}


def test_without_a_remote_nothing_waits(tmp_path: Path) -> None:
    """Targets without credentials are there, and their repository is one that keeps nothing."""
    snapshot = load(tmp_path, {"SYNC_TARGETS": "home/user/AstrBot/data/"}, PROCESS)
    assert snapshot.problems == ()
    assert spec(snapshot, BACKUP).url == ""
    assert str(snapshot.resources[BACKUP].origin) == "SYNC_TARGETS"
