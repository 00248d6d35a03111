"""What a remote holds is brought here, and believed only as far as it is signed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.clients.git import Git
from reconciler.clients.git_source import SourceFolder, Where
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
    await folder.verify(good, [line], [])
    for commit in (bad, plain):
        with pytest.raises(Terminal, match="not signed by anybody allowed") as refused:
            await folder.verify(commit, [line], [])
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
    await folder.verify(good, [], [keys["alice"]])
    for commit, key in ((good, "mallory"), (plain, "alice")):
        with pytest.raises(Terminal, match="not signed by anybody allowed"):
            await folder.verify(commit, [], [keys[key]])
    with pytest.raises(Terminal, match="gpgKeys cannot be read"):
        await folder.verify(good, [], ["-----BEGIN PGP PUBLIC KEY BLOCK-----\nnonsense"])
