"""Pushes into a repository on this very disk by itself, where git would do no more than that.

A push to a plain bare repository adds objects and moves refs. git starts eight programs for it, and
walks the whole tree to prove what is known here: that all else hangs on the commit before. What has
hooks, or settings of any kind, or an unusual layout, is git's to push to.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from .files import flush, write_all
from .git_objects import TREE, Entry
from .git_reader import ObjectReader
from .git_refs import read_packed, read_ref
from .git_trees import Trees
from .proc import start_time

MOST: Final = 500
"""So many objects and more go as a pack, by git."""
LOOSE: Final = 24
"""So many loose objects in one folder, and git pushes for once: it packs them afterwards."""
DEAD: Final = 600.0
"""Seconds after which a ref's lock is nobody's: it is held for an instant."""
_PLAIN: Final = re.compile(
    rb"\s*(\[core\]|repositoryformatversion = 0|filemode = \w+|bare = true|\[remote \"[^\"]*\"\]"
    rb"|url = .*|fetch = .*)?\s*"
)
_WIDTH: Final = 2
_DRAFT: Final = "tmp_ref_"


class Move(NamedTuple):
    """A ref, from what to what; None: it must not be there yet."""

    ref: str
    old: str | None
    new: str


class Elsewhere(Exception):  # noqa: N818 (an answer: another was there first)
    """A ref is not what it was taken for."""


def near(url: str) -> Path | None:
    """The plain bare repository of ours that a url names; None when git must be asked."""
    if url.startswith("file://"):
        url = unquote(urlsplit(url).path)
    path = Path(url)
    try:
        if not path.is_absolute() or path.stat().st_uid != os.geteuid():
            return None
        settings = (path / "config").read_bytes().splitlines()
        plain = b"\tbare = true" in settings and all(_PLAIN.fullmatch(line) for line in settings)
        odd = any((path / name).exists() for name in ("logs", "shallow", "objects/info/alternates"))
        return path if plain and not odd and not _has_hooks(path) else None
    except OSError:
        return None


def near_refs(remote: Path) -> dict[str, str]:
    """Every branch and lease, as the files say."""
    found = read_packed(remote)
    for top in ("refs/heads", "refs/reconciler/lease"):
        for folder, _, names in os.walk(remote / top):
            for name in names:
                ref = os.path.relpath(f"{folder}/{name}", remote)
                if not name.endswith(".lock") and (value := read_ref(remote, ref)):
                    found[ref] = value
    return found


def push_near(reader: ObjectReader, ours: Path, remote: Path, moves: Sequence[Move]) -> bool:
    """Whether it was done; if not, nothing was. Raises Elsewhere when a ref has moved.

    The first is a branch, and goes one commit further; others point at single files.
    """
    if _is_untidy(remote):
        return False
    names = _new_objects(Trees(reader), moves[0])
    names += [move.new for move in moves[1:]]
    files = [ours / "objects" / name[:_WIDTH] / name[_WIDTH:] for name in names]
    if len(files) > MOST or not all(file.exists() for file in files):
        return False
    try:
        _copy(files, remote / "objects")
        _move(remote, moves)
    except OSError:  # git says better what is wrong there
        return False
    return True


def _new_objects(trees: Trees, move: Move) -> list[str]:
    """What ``new`` has that ``old`` has not; all there is to it when it is not its only parent."""
    if move.old is None or trees.parents(move.new) != [move.old]:
        return [""] * (MOST + 1)
    found = [move.new]
    _compare(trees, trees.of(move.new), trees.of(move.old), found)
    return found


def _compare(trees: Trees, new: str, old: str | None, found: list[str]) -> None:
    if new == old or len(found) > MOST:
        return
    found.append(new)
    before = trees.children(old) if old is not None else {}
    known = {entry.id for entry in before.values()}
    for name, entry in trees.children(new).items():
        if entry.id in known:
            continue
        if entry.mode == TREE:
            was: Entry | None = before.get(name)
            _compare(trees, entry.id, was.id if was and was.mode == TREE else None, found)
        else:
            found.append(entry.id)


def _copy(files: Sequence[Path], objects: Path) -> None:
    """All of them are on the disk before the first has its name."""
    opened: list[tuple[int, Path, Path]] = []
    try:
        for file in files:
            target = objects / file.parent.name / file.name
            if not (target.exists() and target.stat().st_size):
                descriptor, temporary = tempfile.mkstemp(prefix="tmp_obj_", dir=objects)
                opened.append((descriptor, Path(temporary), target))
                write_all(descriptor, file.read_bytes())
                os.fchmod(descriptor, 0o400)
        flush([descriptor for descriptor, _, _ in opened])
        for _, whole, target in opened:
            target.parent.mkdir(exist_ok=True, mode=0o700)
            whole.rename(target)
    finally:
        for descriptor, left, _ in opened:
            os.close(descriptor)
            left.unlink(missing_ok=True)


def _move(remote: Path, moves: Sequence[Move]) -> None:
    """All refs at once: each is locked as git locks it, looked at, and only then is any moved."""
    with ExitStack() as held:
        drafts = [held.enter_context(_draft(remote, move)) for move in moves]
        locks = [
            held.enter_context(_lock(remote, remote / move.ref, draft))
            for move, draft in zip(moves, drafts, strict=True)
        ]
        for move in moves:
            if read_ref(remote, move.ref) != move.old:
                raise Elsewhere(move.ref)
        for move, lock in zip(moves, locks, strict=True):
            if move.new != move.old:
                lock.rename(remote / move.ref)


@contextmanager
def _draft(remote: Path, move: Move) -> Iterator[Path]:
    """What the ref shall be, on the disk; its name says who wrote it."""
    me = f"{socket.gethostname()}:{os.getpid()}:{start_time(os.getpid())}"
    path = remote / f"{_DRAFT}{me}:{secrets.token_hex(4)}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, f"{move.new}\n".encode("ascii"))
        os.fsync(descriptor)
        yield path
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


@contextmanager
def _lock(remote: Path, path: Path, draft: Path) -> Iterator[Path]:
    """A second name for the draft: held for an instant, and whose it is can be told."""
    lock = path.with_name(f"{path.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        lock.hardlink_to(draft)
    except FileExistsError:
        _clear(remote, lock)
        lock.hardlink_to(draft)
    try:
        yield lock
    finally:
        with suppress(FileNotFoundError):
            if lock.samefile(draft):  # not renamed, and not another's by now
                lock.unlink()


def _clear(remote: Path, lock: Path) -> None:
    """Remove the lock of somebody who is dead. git's own is left until nobody can be holding it."""
    with suppress(FileNotFoundError):
        facts = lock.stat()
        drafts = [one for one in remote.glob(f"{_DRAFT}*") if os.path.samestat(one.stat(), facts)]
        if any(map(_is_dead, drafts)) or time.time() - facts.st_mtime > DEAD:
            lock.unlink()
        for draft in drafts:
            if _is_dead(draft):
                draft.unlink()


def _is_dead(draft: Path) -> bool:
    host, pid, began, _ = draft.name.removeprefix(_DRAFT).rsplit(":", 3)
    return host == socket.gethostname() and str(start_time(int(pid))) != began


def _has_hooks(path: Path) -> bool:
    try:
        names = [one for one in os.scandir(path / "hooks") if not one.name.endswith(".sample")]
    except FileNotFoundError:
        return False
    return bool(names)


def _is_untidy(remote: Path) -> bool:
    """As git itself guesses: one folder of objects stands for all."""
    try:
        return len(os.listdir(remote / "objects" / "17")) > LOOSE  # noqa: PTH208 (names, not paths)
    except FileNotFoundError:
        return False
