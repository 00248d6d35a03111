"""Git, closed off: what it may know, how it ends, what its words mean."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from reconciler.clients.git import Credential, Git, Terms
from reconciler.clients.git_errors import failure, redact
from reconciler.clients.git_folder import GitFolder, GitFolders, Settings
from reconciler.clients.git_history import History
from reconciler.clients.git_objects import FILE, LINK, TREE, Entry, ObjectStore, encode_tree
from reconciler.clients.git_reader import ObjectReader, Whole
from reconciler.clients.git_remote import Remote
from reconciler.core.errors import Terminal, Transient
from reconciler.testing import eventually
from reconciler.testing.git_server import Desk, git, make_bare, serving


@pytest.fixture
def client() -> Git:
    return Git(os.environ)


def settings_for(url: str) -> Settings:
    return Settings(
        url=url,
        branch="main",
        base="/",
        committer_name="reconciler",
        committer_email="reconciler@localhost",
        interval=180.0,
    )


async def configured(folder: Path, client: Git, url: str, password: str | None = None) -> GitFolder:
    found = GitFolder(folder, "store", client)
    await found.configure(settings_for(url), password)
    return found


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("fatal: Authentication failed for 'https://x/'", "Forbidden"),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", "Forbidden"),
        ("fatal: The requested URL returned error: 403", "Forbidden"),
        (
            "fatal: The requested URL returned error: 502",
            "RemoteUnreachable",
        ),
        ("fatal: unable to access 'http://x/': Could not resolve host: x", "RemoteUnreachable"),
        (
            "fatal: repository 'https://x/' not found",
            "RemoteNotFound",
        ),
        ("fatal: '/x' does not appear to be a git repository", "RemoteNotFound"),
        ("ssh: connect to host x port 22: Connection refused", "RemoteUnreachable"),
        ("git@x: Permission denied (publickey).", "Forbidden"),
        ("fatal: Unable to create '/s/index.lock': File exists.", "Locked"),
        ("error: object file .git/objects/aa/bb is empty", "Corrupt"),
        ("error: unable to write file: No space left on device", "DiskFull"),
        ("something new", "GitFailed"),
    ],
)
def test_words_become_reasons(said: str, reason: str) -> None:
    """What git says decides what the loop does."""
    error = failure("fetch", said, "https://x/")
    assert error.reason == reason
    assert not str(error).endswith(".")


def test_redacts_every_form(tmp_path: Path) -> None:
    """A password disappears from a text in each form it may take."""
    path = tmp_path / "secret"
    path.write_text("username=me\npassword=p@ss/w\n")
    secrets = Credential(path).secrets()
    text = redact("p@ss/w p%40ss%2Fw bWU6cEBzcy93 cEBzcy93", secrets)
    assert text == " ".join(["(secret)"] * 4)


async def test_environment_is_closed(client: Git, tmp_path: Path) -> None:
    """Neither the machine's git configuration nor the operator's variables reach git."""
    (tmp_path / ".gitconfig").write_text("[user]\nname = nobody\n")
    told = Git({**os.environ, "HOME": str(tmp_path), "API_TOKEN": "canary", "GIT_TRACE": "1"})
    environ = told.environ(tmp_path, Terms())
    assert "API_TOKEN" not in environ
    assert "GIT_TRACE" not in environ
    assert b"nobody" not in await told.run(tmp_path, "config", "--list")


async def test_deadline_ends_the_whole_group(tmp_path: Path) -> None:
    """A command that takes too long is killed together with what it started."""
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\nsleep 300 & echo $! > {tmp_path}/child; wait\n")
    slow.chmod(0o700)
    client = Git(os.environ, program=str(slow))
    with pytest.raises(Transient) as caught:
        await client.run(tmp_path, "fetch", terms=Terms(deadline=1.0))
    assert caught.value.reason == "TimedOut"
    eventually(lambda: _state(tmp_path / "child") == "Z")


def _state(noted: Path) -> str:
    pid = int(noted.read_text())
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


async def test_missing_git_is_said(tmp_path: Path) -> None:
    """Without git the error names what to install."""
    with pytest.raises(Transient, match="install") as caught:
        await Git(os.environ, program="no-such-git").run(tmp_path, "version")
    assert caught.value.reason == "Missing"


@pytest.mark.parametrize("url", ["--upload-pack=touch canary;", "ext::sh -c 'touch canary'"])
async def test_hostile_urls_run_nothing(client: Git, stack_dir: Path, url: str) -> None:
    """Whatever a url says, no command of its is executed."""
    folder = await configured(stack_dir, client, url)
    with pytest.raises(Transient):
        await Remote(folder, folder.demand_settings()).tip()
    assert not await asyncio.to_thread(lambda: list(stack_dir.rglob("canary")))


async def test_four_answers(client: Git, stack_dir: Path) -> None:
    """Unreachable, forbidden, without the branch, and empty are four different answers."""
    bare = make_bare(stack_dir / "remote" / "x.git")
    with serving(Desk(stack_dir / "remote", password="right")) as server:
        folder = await configured(stack_dir, client, f"{server.url}/x.git")
        remote = Remote(folder, folder.demand_settings())
        with pytest.raises(Transient) as nobody:
            await remote.tip()
        folder = await configured(stack_dir, client, f"{server.url}/x.git", "right")
        await folder.configure(Settings(**{**folder.read("settings"), "username": "me"}), "right")
        empty = await remote.tip()
        _commit(bare, stack_dir, "other")
        with pytest.raises(Terminal) as branch:
            await remote.tip()
        server.desk.broken = True
        with pytest.raises(Transient) as broken:
            await remote.tip()
    with pytest.raises(Transient) as gone:
        await remote.tip()
    assert empty is None
    reasons = [caught.value.reason for caught in (nobody, branch, broken, gone)]
    assert reasons == ["Forbidden", "WrongBranch", "RemoteUnreachable", "RemoteUnreachable"]
    assert "other" in str(branch.value)
    assert folder.read("contact")["reason"] == "RemoteUnreachable"


def _commit(bare: Path, scratch: Path, branch: str) -> None:
    clone = scratch / "clone"
    git(scratch, "init", "--quiet", f"--initial-branch={branch}", str(clone))
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "x")
    git(clone, "push", "--quiet", str(bare), branch)


async def test_objects_are_what_git_would_write(client: Git, stack_dir: Path) -> None:
    """Blobs and trees of ours, odd names and all, satisfy git's own strict check."""
    folder = await configured(stack_dir, client, "/nowhere")
    store = ObjectStore(folder.path)
    blob = store.content("blob", b"hello\n")
    names = ["a b", "ü\u00e9", "new\nline", "[x]", "b", "b.txt", "b0", "-dash", "back\\slash"]
    children = {name: Entry(FILE, blob) for name in names}
    children["link"] = Entry(LINK, store.content("blob", b"a b"))
    children["b-folder"] = Entry(TREE, store.content("tree", encode_tree(children)))
    tree = store.content("tree", encode_tree(children))
    store.settle()
    history = History(folder)
    commit = await history.commit(tree, [], "x\n", folder.demand_settings())
    await history.move(commit, "refs/heads/x")
    git(folder.path, "--git-dir", str(folder.path), "fsck", "--strict", "--full")
    listing = await history.listing(tree)
    assert {name for name in listing if "/" not in name} == children.keys()


async def test_graft_keeps_everything_else(client: Git, stack_dir: Path) -> None:
    """Putting something at a deep path leaves its neighbours at every level alone."""
    folder = await configured(stack_dir, client, "/nowhere")
    history, store = History(folder), ObjectStore(folder.path)
    one, two = (Entry(FILE, store.content("blob", text)) for text in (b"1", b"2"))
    settings = folder.demand_settings()
    tree = await history.graft(None, {PurePosixPath("a/b/one"): one})
    first = await history.commit(tree, [], "1\n", settings)
    tree = await history.graft(first, {PurePosixPath("a/two"): two})
    second = await history.commit(tree, [first], "2\n", settings)
    assert await history.entry(second, PurePosixPath("a/b/one")) == one
    assert await history.entry(second, PurePosixPath("a/two")) == two
    with pytest.raises(Terminal, match="is a file on the remote"):
        await history.graft(second, {PurePosixPath("a/two/deeper"): one})


async def test_files_are_private(client: Git, stack_dir: Path) -> None:
    """Settings and password are their owner's alone, and the password is not in git's folder."""
    folder = await configured(stack_dir, client, "https://example.com/x", "canary-password")
    for path in (folder.own / "settings.json", stack_dir / "store.credential"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    for path in folder.path.rglob("*"):
        assert not path.is_file() or b"canary-password" not in path.read_bytes()


async def test_password_with_a_line_break_is_refused(client: Git, stack_dir: Path) -> None:
    """A password that git's protocol cannot carry is an error, not a second line of it."""
    with pytest.raises(Terminal) as caught:
        await configured(stack_dir, client, "https://example.com/x", "a\nhost=evil")
    assert "evil" not in str(caught.value)


async def test_stale_locks_are_removed(client: Git, stack_dir: Path) -> None:
    """Locks that a killed git left behind stop nothing."""
    folder = await configured(stack_dir, client, "/nowhere")
    for name in (
        "index.lock",
        "packed-refs.lock",
        "refs/heads/main.lock",
        "shallow.lock",
        "HEAD.lock",
    ):
        (folder.path / name).touch()
    again = GitFolders(stack_dir, client).open("store")
    async with again.alone():
        assert not list(again.path.rglob("*.lock"))


def test_locks_of_a_live_git_stay(client: Git, stack_dir: Path) -> None:
    """A git that somebody runs by hand in our folder keeps its lock."""
    folder = asyncio.run(configured(stack_dir, client, "/nowhere"))
    lock = folder.path / "index.lock"
    lock.touch()
    with subprocess.Popen(
        [sys.executable, "-c", "input()"],
        env={"GIT_DIR": str(folder.path)},
        stdin=subprocess.PIPE,
    ) as person:
        eventually(
            lambda: f"GIT_DIR={folder.path}" in Path(f"/proc/{person.pid}/environ").read_text()
        )
        folder.sweep()
        assert lock.exists()
        person.kill()


def test_orphans_of_a_dead_operator_are_ended(client: Git, stack_dir: Path) -> None:
    """A git that a killed operator left running is ended before another writes."""
    folder = asyncio.run(configured(stack_dir, client, "/nowhere"))
    dead = {
        "GIT_DIR": str(folder.path),
        "RECONCILER_INCARNATION": "1:1",
        "PATH": os.environ["PATH"],
    }
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], env=dead, stdin=subprocess.PIPE
    ) as orphan:
        eventually(lambda: _working_on(folder.path))
        sweep = threading.Thread(target=folder.sweep)
        sweep.start()
        assert orphan.wait(10) == -signal.SIGKILL
        sweep.join()


async def test_only_one_at_a_time(client: Git, stack_dir: Path) -> None:
    """Two operators never write into the same folder at once."""
    folder = await configured(stack_dir, client, "/nowhere")
    other = GitFolder(stack_dir, "store", client)
    async with folder.alone():
        with pytest.raises(Transient) as caught:
            async with other.alone():
                pass
    assert caught.value.reason == "Locked"


async def test_cancelled_work_leaves_no_git(client: Git, stack_dir: Path) -> None:
    """A cancelled push takes its processes with it."""
    bare = make_bare(stack_dir / "x.git")
    hook = bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nsleep 300\n")
    hook.chmod(0o700)
    folder = await configured(stack_dir, client, str(bare))
    history = History(folder)
    tree = ObjectStore(folder.path).content("tree", b"")
    commit = await history.commit(tree, [], "x\n", folder.demand_settings())
    push = asyncio.create_task(Remote(folder, folder.demand_settings()).push(commit, "main"))
    await asyncio.to_thread(eventually, lambda: _working_on(folder.path))
    push.cancel()
    with pytest.raises(asyncio.CancelledError):
        await push
    eventually(lambda: not _working_on(folder.path))


def _working_on(folder: Path) -> list[int]:
    return list(_pids(f"GIT_DIR={folder}"))


def _pids(mark: str) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)
        except OSError:
            continue


async def test_damaged_folder_begins_anew(client: Git, stack_dir: Path) -> None:
    """A folder whose objects are damaged is put aside and works again, settings and all."""
    folder = await configured(stack_dir, client, "/nowhere")
    (folder.path / "HEAD").unlink()
    with pytest.raises(Transient) as caught:
        await folder.git.run(folder.path, "rev-parse", "HEAD")
    assert caught.value.reason == "Corrupt"
    await folder.rebuild()
    await folder.git.run(folder.path, "rev-parse", "--git-dir")
    assert folder.settings() == settings_for("/nowhere")


async def test_what_is_read_again_and_again_is_kept(client: Git, stack_dir: Path) -> None:
    """However much else is read in between; reading what lies packed costs a program."""
    folder = await configured(stack_dir, client, "/nowhere")
    with ObjectStore(folder.path) as store:
        always = store.content("tree", b"")
        others = [store.content("commit", f"{number}".encode()) for number in range(80)]
    asked = 0

    def batch(path: Path) -> subprocess.Popen[bytes]:
        nonlocal asked
        asked += 1
        return client.batch(path)

    git(folder.path, "pack-objects", "-q", "objects/pack/pack", stdin=f"{always}\n".encode())
    (folder.path / "objects" / always[:2] / always[2:]).unlink()
    kept: dict[str, Whole] = {}
    for other in others:
        with ObjectReader(folder.path, batch, kept) as reader:
            assert reader.whole(always).content == b""
            reader.whole(other)
    assert asked == 1
