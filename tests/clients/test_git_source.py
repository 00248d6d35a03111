"""What a remote holds is brought here, and believed only as far as it is signed."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from reconciler.clients import git_source, git_talk
from reconciler.clients.git import Git, Terms
from reconciler.clients.git_objects import Entry
from reconciler.clients.git_signed import Allowed
from reconciler.clients.git_source import SourceFolder, Where
from reconciler.clients.git_transfer import Moved
from reconciler.clients.git_undo import Undo
from reconciler.core.errors import Terminal, Transient
from reconciler.testing.git_server import git, make_bare

pytestmark = pytest.mark.timeout(60)


class Origin:
    """A repository that somebody pushes to."""

    def __init__(self, folder: Path) -> None:
        self.bare, self.work = make_bare(folder / "origin.git"), folder / "work"
        self.work.mkdir()
        git(self.work, "init", "-q", "-b", "main")

    def commit(self, text: str, *how: str, environ: dict[str, str] | None = None) -> str:
        (self.work / "file").write_text(text)
        git(self.work, "add", "-A")
        git(self.work, *how, "commit", "-q", "-m", text, environ=environ)
        git(self.work, "push", "-q", "--force", str(self.bare), "HEAD:refs/heads/main")
        return git(self.work, "rev-parse", "HEAD").decode().strip()

    def where(self, ref: str = "refs/heads/main") -> Where:
        return Where(str(self.bare), ref)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> SourceFolder:
    return SourceFolder(tmp_path / "state", Git({"PATH": os.environ["PATH"]}))


async def test_it_is_current_once_it_was_found_good(origin: Origin, folder: SourceFolder) -> None:
    """Fetching changes nothing; who comes back knows what was good."""
    assert folder.current() is None
    first = origin.commit("one")
    assert await folder.fetch(origin.where()) == first
    assert folder.current() is None
    folder.accept(first)
    second = origin.commit("two")
    assert await folder.fetch(origin.where()) == second
    assert SourceFolder(folder.path.parent, Git({"PATH": os.environ["PATH"]})).current() == first
    assert await folder.follows(first, second)
    assert not await folder.follows(second, first)


async def test_tags_and_commits_can_be_asked_for(origin: Origin, folder: SourceFolder) -> None:
    """A tag is what it points at, an annotated one too."""
    first = origin.commit("one")
    git(origin.work, "tag", "-a", "-m", "v1", "v1")
    git(origin.work, "push", "-q", str(origin.bare), "v1")
    origin.commit("two")
    assert await folder.fetch(origin.where("refs/tags/v1")) == first
    git(origin.bare, "config", "uploadpack.allowAnySHA1InWant", "true")
    assert await folder.fetch(origin.where(first)) == first


async def test_a_missing_branch_is_no_empty_one(origin: Origin, folder: SourceFolder) -> None:
    """Nor is a remote that is gone: both are told, each by its own reason."""
    origin.commit("one")
    with pytest.raises(Transient, match="has no other any more") as missing:
        await folder.fetch(origin.where("refs/heads/other"))
    assert missing.value.reason == "RefMissing"
    origin.bare.rename(origin.bare.with_name("gone.git"))
    with pytest.raises(Transient) as gone:
        await folder.fetch(origin.where())
    assert gone.value.reason != "RefMissing"


def ssh_key(folder: Path, name: str) -> tuple[Path, str]:
    """A key, and its line in a file of allowed signers."""
    path = folder / name
    words = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path))
    subprocess.run(words, check=True)
    return path, f"{name}@example.com {path.with_suffix('.pub').read_text().strip()}"


async def test_only_allowed_ssh_keys_count(
    origin: Origin, folder: SourceFolder, tmp_path: Path
) -> None:
    """Neither a commit without a signature nor one by somebody else."""
    ours, line = ssh_key(tmp_path, "alice")
    theirs, _ = ssh_key(tmp_path, "mallory")

    def signed(text: str, key: Path) -> str:
        how = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={key}", "-c", "commit.gpgSign=true")
        return origin.commit(text, *how)

    good, bad, plain = signed("good", ours), signed("bad", theirs), origin.commit("plain")
    await folder.fetch(origin.where())
    await folder.verify(good, Allowed([line]))
    for commit in (bad, plain):
        with pytest.raises(Terminal, match="not signed by anybody allowed") as refused:
            await folder.verify(commit, Allowed([line]))
        assert refused.value.reason == "Unsigned"


@pytest.fixture
def keyring() -> Iterator[Path]:
    """A place for gpg; short, for its agent listens in it."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="rc-gpg-") as name:
        yield Path(name)
        gone = {"PATH": os.environ["PATH"], "GNUPGHOME": name}
        subprocess.run(["gpgconf", "--kill", "all"], env=gone, check=False)


def gpg_key(keyring: Path, name: str) -> str:
    """Make a key; its public half."""
    own = {"PATH": os.environ["PATH"], "GNUPGHOME": str(keyring)}
    words = ("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", name)
    subprocess.run([*words, "ed25519", "sign", "never"], env=own, check=True)
    shown = ("gpg", "--armor", "--export", name)
    return subprocess.run(shown, env=own, check=True, capture_output=True).stdout.decode()


async def test_only_allowed_gpg_keys_count(
    origin: Origin, folder: SourceFolder, keyring: Path
) -> None:
    """The keys are those of the spec, never those of the machine."""
    keys = {name: gpg_key(keyring, name) for name in ("alice", "mallory")}
    how = ("-c", "user.signingKey=alice", "-c", "commit.gpgSign=true")
    good = origin.commit("good", *how, environ={"GNUPGHOME": str(keyring)})
    plain = origin.commit("plain")
    await folder.fetch(origin.where())
    await folder.verify(good, Allowed(keys=[keys["alice"]]))
    for commit, key in ((good, "mallory"), (plain, "alice")):
        with pytest.raises(Terminal, match="not signed by anybody allowed"):
            await folder.verify(commit, Allowed(keys=[keys[key]]))
    with pytest.raises(Terminal, match="gpgKeys cannot be read"):
        await folder.verify(good, Allowed(keys=["-----BEGIN PGP PUBLIC KEY BLOCK-----\nnonsense"]))


async def test_each_commit_on_the_way_is_to_be_signed(
    origin: Origin, folder: SourceFolder, tmp_path: Path
) -> None:
    """A signed one does not carry in an unsigned one before it, but a signed merge does."""
    key, line = ssh_key(tmp_path, "alice")
    how = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={key}", "-c", "commit.gpgSign=true")
    first, second = origin.commit("one", *how), origin.commit("two", *how)
    unsigned = origin.commit("plain")
    last = origin.commit("three", *how)
    await folder.fetch(origin.where())
    await folder.verify(second, Allowed([line]), since=first)
    await folder.verify(last, Allowed([line]))
    await folder.verify(last, Allowed([line]), since=unsigned)
    with pytest.raises(Terminal, match=f"commit {unsigned[:12]} is not signed"):
        await folder.verify(last, Allowed([line]), since=first)

    git(origin.work, "checkout", "-q", "-b", "main2", second)
    git(origin.work, *how, "merge", "-q", "--no-ff", "-S", "-m", "merged", unsigned)
    merged = git(origin.work, "rev-parse", "HEAD").decode().strip()
    git(origin.work, "push", "-q", "--force", str(origin.bare), "HEAD:refs/heads/main")
    await folder.fetch(origin.where())
    await folder.verify(merged, Allowed([line]), since=first)


def undo_of(origin: Origin, commit: str, content: str) -> Undo:
    """Give the one file another content."""
    (origin.work / "file").write_text(content)
    made = git(origin.work, "hash-object", "-w", "file").decode().strip()
    return Undo(commit, {"file": Entry("100644", made)}, "back\n", 1_700_000_000.5)


async def test_an_undoing_commit_is_the_same_every_time(
    origin: Origin, folder: SourceFolder
) -> None:
    """Made twice, pushed twice, by another operator: the branch has one; and never a forced one."""
    good, bad = origin.commit("good"), origin.commit("bad")
    await folder.fetch(origin.where())
    undo = undo_of(origin, bad, "good")
    made = await folder.undo(undo)
    (folder.path / "undo.index.lock").touch()  # one that was killed
    assert made is not None
    assert await folder.undo(undo) == made
    again = SourceFolder(folder.path.parent, Git({"PATH": os.environ["PATH"]}))
    for one in (folder, again):
        await one.push(origin.where(), made, onto=bad)
    assert git(origin.bare, "log", "--format=%H", "main").decode().split() == [made, bad, good]
    assert git(origin.bare, "show", "main:file") == b"good"
    nothing = undo_of(origin, made, "good")
    assert await folder.fetch(origin.where()) == made
    assert await folder.undo(nothing) is None


async def test_a_branch_that_is_elsewhere_is_not_pushed_to(
    origin: Origin, folder: SourceFolder
) -> None:
    """Neither one that went on, nor one that was rewound to before what is undone."""
    good, bad = origin.commit("good"), origin.commit("bad")
    await folder.fetch(origin.where())
    made = await folder.undo(undo_of(origin, bad, "good"))
    assert made is not None
    for tip in (origin.commit("newer"), good):
        git(origin.bare, "update-ref", "refs/heads/main", tip)
        with pytest.raises(Moved):
            await folder.push(origin.where(), made, onto=bad)
        assert git(origin.bare, "rev-parse", "main").decode().strip() == tip


async def test_a_fetch_has_bounds(
    origin: Origin, folder: SourceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is larger, or takes longer, is given up, leaves nothing, and what was good stays."""
    first = origin.commit("one")
    await folder.fetch(origin.where())
    folder.accept(first)
    monkeypatch.setattr(git_source, "LARGEST", 100_000)
    (origin.work / "noise").write_bytes(os.urandom(3_000_000))
    origin.commit("noise")
    with pytest.raises(Transient) as large:
        await folder.fetch(origin.where())
    assert large.value.reason == "TooLarge"
    assert not list(folder.path.rglob("tmp_*"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(git_source, "FETCHING", 1.0)
        where = Where(f"http://127.0.0.1:{silent.getsockname()[1]}/x.git", "refs/heads/main")
        with pytest.raises(Transient) as late:
            await folder.fetch(where)
    assert late.value.reason == "TimedOut"
    assert folder.current() == first


async def test_names_without_end_are_refused(
    origin: Origin, folder: SourceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few sent bytes can name a million files: a folder may stand in many places."""
    (origin.work / "file").write_text("x")
    entry = git(origin.work, "hash-object", "-w", "file").decode().strip()
    kind, mode = "blob", "100644"
    for _ in range(5):
        lines = "".join(f"{mode} {kind} {entry}\tn{number:02}\n" for number in range(20))
        entry = git(origin.work, "mktree", stdin=lines.encode()).decode().strip()
        kind, mode = "tree", "040000"
    made = git(origin.work, "commit-tree", "-m", "bomb", entry).decode().strip()
    git(origin.work, "push", "-q", str(origin.bare), f"{made}:refs/heads/main")
    await folder.fetch(origin.where())
    await folder.demand_small(made, "n00/n00/n00")
    monkeypatch.setattr(git_talk, "MOST", 1 << 20)
    with pytest.raises(Transient, match="more files than anybody can mean") as refused:
        await folder.demand_small(made, "")
    assert refused.value.reason == "TooLarge"


async def test_a_slow_machine_is_no_fault_of_a_commit(
    origin: Origin, folder: SourceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be counted in time is unknown, not too much."""
    made = origin.commit("one")
    await folder.fetch(origin.where())
    monkeypatch.setattr(git_source, "Terms", partial(Terms, deadline=0.0))
    with pytest.raises(Transient) as late:
        await folder.demand_small(made, "")
    assert late.value.reason == "TimedOut"
