"""A folder of YAML -> a snapshot of checked resources, at the cost of what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path, PurePath
from time import perf_counter
from typing import Any, Final, TypeAlias

from ..core.kind import Kinds
from ..core.model import Ref, Resource
from ..core.moved import Version
from ..core.remark import Remark
from .around import Around
from .borrowed import Borrowed
from .document import Checker
from .files import FileReader, SpecFile
from .links import IMPLIED, check_links, implied
from .nodes import Limits
from .outside import Outside
from .remarks import Places, Reviewed, as_warnings, prove, review
from .shelf import Shelf
from .snapshot import Snapshot
from .tree import Blob, Source, Tree, blob_of

__all__ = ["Loader", "Snapshot"]


Resources: TypeAlias = Version[Ref, Resource[Any]]
BRIEF: Final = 0.002
"""What takes no longer to put together needs no thread of its own (seconds)."""


class Loader:
    """Loads the specs again and again; what did not change is not read, parsed or checked anew."""

    def __init__(
        self,
        kinds: Kinds,
        source: Source,
        *,
        root: Path,
        environ: Mapping[str, str],
        key: bytes,
    ) -> None:
        outside, limits = Outside(), source.limits
        self._around = Around(root, environ, key, outside)
        checker = Checker(kinds, self._around, limits)
        self._borrowed = Borrowed(kinds, environ)
        self._kinds = kinds
        self._source = source
        self._reader = FileReader(checker, outside, limits)
        self._last: Snapshot | None = None
        self._tree = Tree("", {}, "")
        self._files: dict[str, SpecFile] = {}
        self._shelf = Shelf()
        self._took = 0.0
        """Seconds to put together what all files hold, the last time."""

    @property
    def parses(self) -> int:
        """How many documents were parsed so far."""
        return self._reader.parses

    def watch_paths(self) -> tuple[Path, ...]:
        """Folders in which something happens when there is something new to load."""
        return self._source.watch_paths()

    def outside(self) -> frozenset[Path]:
        """The files that specs were read from besides: there or not."""
        files = (self._files[name] for name in self._shelf.leaning)
        return frozenset(path for file in files for path, _ in file.outside)

    def load(self, touched: Collection[str] | None = None) -> Snapshot:
        """The specs now; the same object as before when nothing changed. Blocks on disk and git.

        ``touched`` are the paths where something happened, if that is known.
        Raises ReconcileError when the specs cannot be seen at all.
        """
        tree, pending = self._source.read(touched), self._source.pending()
        last = self._last
        is_changed = self._take(tree)
        if last is None or is_changed:
            began = perf_counter()
            self._last = self._snapshot(tree, pending)
            self._shelf.touched = self._shelf.odd(self._last.frozen)
            self._took = perf_counter() - began
        elif (last.revision, last.pending, last.source) != (tree.revision, pending, tree.source):
            self._last = replace(last, revision=tree.revision, pending=pending, source=tree.source)
        return self._last or self._snapshot(tree, pending)

    def is_brief(self, touched: Collection[str]) -> bool:
        """Whether to load what was touched takes no longer than to have a thread do it."""
        is_alone = not self._shelf.leaning and self._took < BRIEF
        return is_alone and self._source.is_brief(touched)

    @property
    def tree(self) -> Tree:
        """The files as they were last loaded."""
        return self._tree

    @property
    def last(self) -> Snapshot:
        """The specs as they were last loaded. Raises LookupError before that."""
        if self._last is None:
            raise LookupError("nothing was loaded yet")
        return self._last

    @property
    def limits(self) -> Limits:
        """How much of a file is read."""
        return self._source.limits

    def written(self, kind: str) -> dict[Ref, str]:
        """Every resource of a kind that is written, and the file it stands in."""
        places = ((ref, on[0].origin.path) for ref, on in self._shelf.written.items())
        return {ref: str(path) for ref, path in places if ref.kind == kind and path.suffix}

    def chunks(self, name: str) -> dict[bytes, Ref | None]:
        """What each chunk of a sound file is about, by its digest."""
        file = self._files.get(name)
        parts = () if file is None or file.is_broken else file.parts
        return {part.chunk: part.placed[0].ref if part.placed else None for part in parts}

    def trial(self, files: Mapping[str, bytes | None]) -> Snapshot:
        """What the specs would be with these files; nothing of it is remembered."""
        blobs = dict(self._tree.files)
        for name, data in files.items():
            blobs.pop(name, None)
            if data is not None:
                blobs[name] = blob_of(data, self.limits)
        before = self._tree
        tree = Tree("trial", blobs, before.source, before.revision, frozenset(files))
        kept = self._files, self._shelf, self._tree, self._borrowed.now
        self._files, self._shelf = dict(self._files), self._shelf.copy()
        try:
            self._take(tree)
            return self._snapshot(tree, ())
        finally:
            self._files, self._shelf, self._tree, self._borrowed.now = kept

    def review(self, snapshot: Snapshot) -> list[Remark]:
        """What is odd about it, though nothing is wrong. May take a while for thousands."""
        return review(self._kinds, snapshot.resources)

    def place(self, snapshot: Snapshot, remarks: Sequence[Remark]) -> Reviewed:
        """The same as warnings, each where it is written."""
        return as_warnings(remarks, Places(snapshot.resources, self._tree, self._reader))

    def _take(self, tree: Tree) -> bool:
        """Read what changed; says whether anything did."""
        asked = tree.differs_from(self._tree)
        gone = [
            name
            for name in (self._files if asked is None else asked & self._files.keys())
            if name not in tree.files and name not in self._borrowed.now
        ]
        for name in gone:
            self._shelf.remove(name, self._files.pop(name))
        changed = [*self._stale(tree, asked)]
        for name, blob in changed:
            before = self._files.get(name)
            file = self._keep(self._reader.read(PurePath(name), blob, before), before)
            if before is not None:
                self._shelf.remove(name, before)
            self._files[name] = file
            self._shelf.add(name, file)
        self._tree = tree
        return self._borrow() or bool(gone or changed)

    def _borrow(self) -> bool:
        """Read what variables say and no file does; says whether that is new."""
        before = self._borrowed.now
        if not self._borrowed.look(self._shelf):
            return False
        for name in before:
            self._shelf.remove(name, self._files.pop(name))
        for name, blob in self._borrowed.blobs().items():
            file = self._borrowed.place(name, self._reader.read(PurePath(name), blob, None))
            self._files[name] = file
            self._shelf.add(name, file)
        return True

    def _stale(self, tree: Tree, asked: frozenset[str] | None) -> Iterator[tuple[str, Blob]]:
        if tree.files is not self._tree.files:
            for name in tree.files if asked is None else filter(tree.files.__contains__, asked):
                known, blob = self._files.get(name), tree.files[name]
                if known is None or known.digest != blob.digest:
                    yield name, blob
        for name in [*self._shelf.leaning]:
            known = self._files[name]
            if known.digest == tree.files[name].digest and not self._reader.is_current(known):
                yield name, tree.files[name]

    def _keep(self, file: SpecFile, before: SpecFile | None) -> SpecFile:
        """A file that broke keeps what it had."""
        if not file.is_broken or before is None:
            return file
        if before.is_broken:
            return file._replace(kept=before.kept)
        known = self._last.resources if self._last else {}
        refs = [placed.ref for placed in before.placed]
        return file._replace(kept={ref: known[ref] for ref in refs if ref in known})

    def _snapshot(self, tree: Tree, pending: tuple[str, ...]) -> Snapshot:
        shelf = self._shelf
        holds = [*shelf.doubles(), *check_links(shelf.links(self._kinds))]
        frozen = shelf.unusable.union(*(hold.refs for hold in holds))
        resources = self._resources(frozen, broken := frozenset(map(PurePath, shelf.broken())))
        places = Places(resources, tree, self._reader)
        snapshot = Snapshot(
            tree.revision,
            resources,
            tuple(sorted({*shelf.problems(), *places.held(holds, shelf.written)})),
            broken,
            pending,
            frozenset(frozen),
            tree.source,
        )
        proof = prove(self._kinds, places, shelf.kinds(frozen))
        if not proof.unproven:
            return snapshot
        problems = tuple(sorted((*snapshot.problems, *proof.problems)))
        return replace(snapshot, problems=problems, unproven=proof.unproven)

    def _resources(self, frozen: AbstractSet[Ref], broken: AbstractSet[PurePath]) -> Resources:
        shelf, known = self._shelf, self._last.resources if self._last else {}
        moved = (*shelf.touched, *shelf.odd(frozen), IMPLIED)
        changes = {ref: shelf.good.get(ref) for ref in moved}
        changes |= {ref: known.get(ref) for ref in frozen}
        for file in shelf.faulty.values():
            changes |= {ref: changes[ref] or one for ref, one in file.kept.items()}
        resources = Version.edited(known, changes)
        if shelf.gateways or not (shelf.routes or shelf.faulty or shelf.unusable):
            return resources
        # A file that cannot be read may hold the gateway; then only a known one is implied.
        is_whole = not broken and all(ref in resources for ref in frozen)
        gateway = implied(self._kinds, resources, self._around)
        if gateway is not None and (is_whole or gateway.ref in known):
            return Version.edited(known, {**changes, gateway.ref: gateway})
        return resources
