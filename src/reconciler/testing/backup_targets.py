"""SyncTargets of a world in memory: see ``backup``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from ..core.errors import ReconcileError, Transient, Waiting
from ..core.model import Json, Observed
from ..kinds.synctarget.actions import (
    Accept,
    Backup,
    Pull,
    Push,
    Restore,
    RestoreAt,
    Stage,
    SyncTargetAction,
    Track,
    Untrack,
    Verify,
)
from ..kinds.synctarget.state import SyncTargetState
from .backup import FakeBackup, Files, Target


class FakeSyncTargetDriver:
    """Targets of a fake world."""

    def __init__(self, world: FakeBackup) -> None:
        self._world = world
        self._bringing: dict[type, Callable[[Target], None]] = {
            Stage: self._stage,
            Restore: self._restore,
            RestoreAt: self._restore_newest,
            Accept: self._accept,
        }

    async def observe(self) -> Mapping[str, Observed[SyncTargetState]]:
        return {name: self._look(target) for name, target in self._world.targets.items()}

    async def apply(self, action: SyncTargetAction) -> Mapping[str, Json] | None:
        match action:
            case Track(name, state):
                self._track(name, state)
            case Untrack(name):
                self._world.targets.pop(name, None)
            case Stage() | Restore() | RestoreAt() | Accept():
                self._noting(action.name, self._bringing[type(action)])
            case Verify(name):
                self._noting(name, self._verify)
            case Pull(name):
                self._noting(name, self._backup)
                return self._pull(self._world.targets[name])
            case Backup(name) | Push(name):  # what was taken here was pushed at once
                self._noting(name, self._backup)
                return {"files": len(self._here(self._world.targets[name]))}
            case _:
                assert_never(action)
        return None

    def _look(self, target: Target) -> Observed[SyncTargetState]:
        ready = self._is_restored(target)
        repository = self._world.repositories.get(target.state.repository)
        vitals = {
            **target.vitals,
            "meets": ["restored"] if ready else [],
            "interval": repository.interval if repository else None,
        }
        seen = {"restored": ready, "staged": ready or target.staged is not None}
        return Observed(target.state.model_copy(update=seen), owned=True, vitals=vitals)

    def _track(self, name: str, state: SyncTargetState) -> None:
        if state.repository not in self._world.repositories:
            raise Transient("no such repository yet", reason="RepositoryMissing")
        before = self._world.targets.get(name)
        if before is None or before.state.path != state.path:
            self._world.targets[name] = Target(state)
        else:
            before.state = state

    def _noting(self, name: str, act: Callable[[Target], None]) -> None:
        target = self._world.targets.get(name)
        if target is None:
            raise Transient("not set up yet", reason="NotTracked")
        try:
            act(target)
            target.vitals["error"] = None
        except Waiting:
            raise
        except ReconcileError as exc:
            target.vitals["error"] = {"reason": exc.reason, "message": str(exc)}
            raise

    def _is_restored(self, target: Target) -> bool:
        if target.state.on_start == "skip":
            return True
        if target.latched != self._world.stack_start:
            return False
        return not target.held or (self._inode(target) == target.inode and bool(self._here(target)))

    def _inode(self, target: Target) -> int:
        return self._world.inodes.get(target.state.path, 0)

    def _here(self, target: Target) -> Files:
        files = self._world.under(target.state.path, self._world.disk)
        left_out = tuple(f"{target.state.path}{prefix}" for prefix in target.state.excludes)
        return {
            name: content
            for name, content in files.items()
            if not any(name == one or name.startswith(one + "/") for one in left_out)
        }

    def _tip(self, target: Target) -> Files | None:
        return self._world.remote.tip(self._world.repositories[target.state.repository].branch)

    def _stage(self, target: Target) -> None:
        if self._is_restored(target):
            return
        theirs = self._world.under(target.state.path, self._tip(target) or {})
        here = self._here(target)
        newer = here and target.agreed == theirs and target.inode == self._inode(target)
        if newer or not theirs or here == theirs:
            self._latch(target, held=bool(theirs))
        else:
            target.staged = theirs

    def _restore(self, target: Target) -> None:
        world, theirs = self._world, target.staged
        if theirs is None:
            raise Waiting("nothing is staged yet", reason="NotStaged", after=0.0)
        for name, content in self._here(target).items():
            if theirs.get(name) != content:
                world.quarantine[name] = world.disk.pop(name)
        world.disk.update(theirs)
        target.agreed = theirs
        self._latch(target, held=True)

    def _accept(self, target: Target) -> None:
        self._latch(target, held=bool(self._here(target)))

    def _restore_newest(self, target: Target) -> None:
        """All that a remote in memory has is its newest state."""
        target.staged = self._world.under(target.state.path, self._tip(target) or {})
        self._restore(target)

    def _verify(self, target: Target) -> None:
        held, now = self._tip(target), self._world.clock()
        target.vitals["drill"] = {"since": now, "at": now, "ok": held is not None}

    def _latch(self, target: Target, *, held: bool) -> None:
        target.latched, target.held = self._world.stack_start, held
        target.inode, target.staged = self._inode(target), None

    def _backup(self, target: Target) -> None:
        world = self._world
        if not self._is_restored(target):
            raise Waiting("not restored yet", reason="NotRestored", after=1.0)
        here = self._here(target)
        target.vitals["attempt"] = world.clock()
        if not here:
            if target.agreed:
                raise Transient("the path is empty, its backup is not", reason="Emptied")
            target.vitals["backed"] = world.clock()
            return
        self._publish(target, here)
        target.vitals["backed"] = world.clock()
        target.held, target.inode = True, self._inode(target)

    def _pull(self, target: Target) -> Mapping[str, Json]:
        """What the remote has, but for what clashes, and for what is left out."""
        here, world = self._here(target), self._world
        theirs = world.under(target.state.path, self._tip(target) or {})
        if target.vitals.get("conflict") or not theirs:
            return {"pulled": 0}
        changed = [path for path in here.keys() | theirs if here.get(path) != theirs.get(path)]
        for path in changed:
            if path in here:
                world.quarantine[path] = world.disk.pop(path)
            if path in theirs:
                world.disk[path] = theirs[path]
        target.agreed = theirs
        return {"pulled": len(changed)}

    def _publish(self, target: Target, here: Files) -> None:
        world, path = self._world, target.state.path
        branch = world.repositories[target.state.repository].branch
        tip = self._tip(target) or {}
        theirs = world.under(path, tip)
        if theirs == here:
            target.agreed = here
        elif not theirs or theirs == target.agreed or target.state.on_start == "skip":
            others = {name: content for name, content in tip.items() if name not in theirs}
            world.remote.commit(branch, {**others, **here})
            target.agreed = here
            target.vitals.update(pushed=world.clock(), conflict=None)
        elif here != target.agreed:
            before = target.vitals.get("conflict") or {}
            beside = before.get("branch") or f"conflict/fake/{world.remote.commits}"
            world.remote.commit(beside, {**tip, **here})
            target.vitals["conflict"] = {"branch": beside}
