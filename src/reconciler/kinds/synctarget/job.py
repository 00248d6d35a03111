"""What one action on one target works with: its folders, its place, its notes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ...clients.git_folder import GitFolder, Settings
from ...clients.git_history import History
from ...clients.git_objects import EMPTY_TREE, TREE, Entry, Hasher, ObjectStore
from ...clients.git_remote import UPSTREAM, Remote
from ...clients.git_transfer import Moved
from ...clients.git_trees import Trees
from ...clients.offload import offload
from ...core.errors import Transient
from ...core.sealed import Sealed
from .cache import FileCache
from .health import summary
from .large.marks import place_of_marks
from .large.reading import read_marks, read_pointer
from .meter import Meter
from .modes import place_of_modes
from .place import Place, place_of
from .rows import Cache, Nothing
from .scan import Copy, Scan, Scanner
from .state import SyncTargetState
from .take import Large, Means

TRIED: Final = 10
MakeLarge = Callable[[threading.Event], Large]
"""What is done with large files, made in the thread that looks."""


@dataclass(slots=True)
class Job:
    """One target, opened for one action."""

    name: str
    state: SyncTargetState
    folder: GitFolder
    settings: Settings
    stack: Path
    """The state directory."""
    host: str
    meter: Meter = field(default_factory=Meter)
    known: tuple[Sealed, ...] = field(default=(), repr=False)
    status: dict[str, Any] = field(default_factory=dict)
    _written: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.status = self._written = self.folder.read(f"status/{self.name}") or {}

    @property
    def place(self) -> Place:
        return place_of(self.name, self.state, self.settings.base, stack=self.stack)

    @property
    def quarantine(self) -> Path:
        """Where files go that a restore replaces."""
        return self.stack / "state" / "quarantine"

    @property
    def history(self) -> History:
        return History(self.folder)

    @property
    def remote(self) -> Remote:
        return Remote(self.folder, self.settings)

    @property
    def modes(self) -> PurePosixPath:
        """Where the permissions are written."""
        return place_of_modes(self.name)

    @property
    def marks(self) -> PurePosixPath:
        """Where is written which files are pointers."""
        return place_of_marks(self.name)

    @property
    def saved(self) -> str:
        """The ref of the newest copy taken here."""
        return f"refs/reconciler/saved/{self.name}"

    @property
    def pushed(self) -> str:
        """The ref of the newest copy the remote is known to have."""
        return f"refs/reconciler/pushed/{self.name}"

    @property
    def beside(self) -> str:
        """The ref of what was last kept beside the remote's version."""
        return f"refs/reconciler/beside/{self.name}"

    def remember(self, **facts: Any) -> None:
        """How it stands; written down with the next note."""
        self.status = {**self.status, **facts}

    def note(self, **facts: Any) -> None:
        """Write down how it stands."""
        self.remember(**facts)
        if self.status != self._written:
            self.folder.write(f"status/{self.name}", self.status)
            self._written = self.status

    def summary(self) -> dict[str, Any]:
        """What there is of it now, for who ordered something."""
        return summary(self.status)

    async def base(self) -> Entry | None:
        """What lay here when this side and the remote agreed last."""
        if noted := self.status.get("agreed"):
            return Entry(*noted)
        return await self.history.entry(await self.history.ref(self.pushed), self.place.inside)

    async def bases(self, theirs: Entry | None) -> tuple[Entry | None, Entry | None]:
        """What lay here, and what the remote had, when both agreed last.

        They differ where the remote has changes of others that were not brought here. An operator
        that is killed right after a push never learns that it went through: then the two sides of
        that push are what was agreed on.
        """
        for pushed in self.status.get("tried") or ():
            if theirs is not None and list(theirs) == list(pushed.get("theirs") or ()):
                return Entry(*pushed["ours"]), theirs
        noted, base = self.status.get("merged"), await self.base()
        return base, Entry(*noted) if noted else base

    async def knows(self, theirs: Entry | None) -> bool:
        """Whether the remote has what we agreed on, or what we pushed since."""
        return theirs == (await self.bases(theirs))[1]

    def try_push(self, ours: Entry | None, theirs: Entry | None) -> None:
        """Note, before a push, what the remote may have after it, and what lies here then."""
        tried = [one for one in self.status.get("tried") or () if isinstance(one, dict)]
        self.note(tried=[*tried, {"ours": ours, "theirs": theirs}][-TRIED:])

    async def unpushed(self) -> str | None:
        """The newest copy, when the remote does not have it."""
        saved = await self.history.ref(self.saved)
        return None if saved == await self.history.ref(self.pushed) else saved

    async def fetched_tip(self) -> str | None:
        """The remote's newest commit, brought here; None when the remote is empty."""
        for _ in range(5):
            tip = await self.remote.tip()
            try:
                if tip is not None and not await self.history.has(tip):
                    await self.remote.fetch(tip)
            except Moved:
                continue
            return tip
        raise Transient(f"{self.settings.url} changes all the time", reason="RemoteMoving")

    async def agree(
        self, commit: str | None, ours: Entry | None, theirs: Entry | None, **more: Any
    ) -> None:
        """Note that the remote's ``commit`` has ``theirs``, with all that was changed here."""
        if ours == theirs:
            await self.history.move(commit, self.saved, self.pushed, UPSTREAM)
        else:  # the copy taken here stays what is gone on from
            await self.history.move(await self.history.ref(self.saved), self.pushed)
            await self.history.move(commit, UPSTREAM)
        facts = {"conflict": None, **more}
        facts |= {"merged": theirs if ours != theirs else None, "ahead": ours != theirs}
        self.remember(agreed=ours, seen=commit, chain=0, tried=[], **facts)

    async def commit(
        self,
        onto: str | None,
        ours: Copy,
        parents: list[str],
        objects: ObjectStore | None = None,
    ) -> str:
        """A commit of all that ``onto`` has, with this target as in ``ours``.

        It is on the disk, and so is all that ``objects`` took.
        """
        objects = objects or ObjectStore(self.folder.path)
        edits = {self.place.inside: ours.entry, self.modes: ours.modes}
        edits |= {self.marks: ours.marks} if ours.marks is not None else {}
        tree = await self.history.graft(onto, edits, objects)
        message = f"back up {self.name} from {self.host}\n"
        return await self.history.commit(tree, parents, message, self.settings, store=objects)

    async def copy(self, commit: str | None) -> Copy:
        """What a commit has of this target."""
        return Copy(
            await self.history.entry(commit, self.place.inside),
            await self.history.entry(commit, self.modes),
            await self.history.entry(commit, self.marks),
        )

    async def look(
        self,
        look: Callable[[Means, Trees, Entry | None], Scan],
        cache: Cache,
        objects: ObjectStore,
        large: MakeLarge | None = None,
    ) -> Scan:
        """Look at the path in a thread; the objects are for the caller to settle."""
        saved = await self.history.ref(self.saved)

        def work(stop: threading.Event) -> Scan:
            with self.history.reader() as reader, ExitStack() as stack:
                made = stack.enter_context(closing(large(stop))) if large is not None else None
                trees = Trees(reader)
                top = trees.of(saved) if saved else EMPTY_TREE.id
                last, marked = (trees.at(top, str(at)) for at in (self.place.inside, self.marks))
                means = Means(
                    objects=objects,
                    scratch=self.folder.scratch(),
                    stop=stop,
                    snapshots=not isinstance(objects, Hasher) and self.state.snapshot == "auto",
                    cache=cache,
                    previous=partial(self._previous, trees, last),
                    large=made,
                    marks=read_marks(reader, marked),
                    marked=marked,
                    pointer=partial(read_pointer, reader),
                )
                return look(means, trees, last)

        return await offload(work)

    async def listing(self, large: MakeLarge | None = None) -> dict[str, Entry]:
        """What lies here, by path."""
        found = await self.look(
            lambda means, _, __: Scanner(self.place, means, listed=True).run(),
            Nothing(),
            Hasher(self.folder.path),
            large,
        )
        return found.listing

    def open_cache(self, *more: str) -> FileCache:
        about = [str(self.place.path), self.state.snapshot, *more]
        about += [self.state.large.about(self.settings.url)] if self.state.large else []
        return FileCache(self.folder.own / "cache" / f"{self.name}.db", about)

    def _previous(self, trees: Trees, last: Entry | None, below: str) -> Entry | None:
        if last is None or not self.place.is_folder:
            return last
        return trees.at(last.id, below) if last.mode == TREE else None
