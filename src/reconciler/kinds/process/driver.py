"""Process, in the world: supervisord, with our keeper inside it or without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...clients.keeper import Hello, Keeper
from ...clients.supervisord import Supervisord
from ...core.errors import ReconcileError, Transient
from ...core.model import Observed
from .actions import ProcessAction
from .adopted import Adopting
from .backend import Backend
from .cron import CronNotes, Memory
from .kept import Kept
from .layout import Layout
from .state import Program, as_stock
from .stock import Stock


class ProcessDriver:
    """Keeps programs under one supervisord: by our keeper, or without it as well as can be.

    ``stock`` says which of the two kinds of state is wanted: they cost differently to change.
    """

    def __init__(
        self,
        supervisord: Supervisord,
        layout: Layout,
        *,
        notes: CronNotes | None = None,
        keeper: Keeper | None = None,
        stock: bool = False,
    ) -> None:
        notes = notes or CronNotes(Memory(), "")
        self._keeper = keeper or Keeper(supervisord)
        self._wants_stock = stock
        inner: Backend = (
            Stock(supervisord, layout, notes)
            if stock
            else Kept(supervisord, self._keeper, layout, notes)
        )
        shape = as_stock if stock else Program.model_copy
        self._backend: Backend = Adopting(inner, layout.state_dir, shape=shape)
        self._hello: Hello | None = None

    async def observe(self) -> Mapping[str, Observed[Program]]:
        """Every program that is known, and every one we ever wrote down."""
        try:
            if self._hello is None:
                self._hello = self._expected(await self._keeper.hello())
            return await self._backend.observe()
        except ReconcileError:
            self._hello = None  # another supervisord may answer next
            raise

    async def apply(self, action: ProcessAction) -> None:
        """Do one thing; it may have been done before."""
        await self._backend.apply(action)

    async def apply_all(
        self, work: Mapping[str, Sequence[ProcessAction]]
    ) -> Mapping[str, ReconcileError | None]:
        """Do the steps of many at once; what is not in the answer was not touched."""
        return await self._backend.apply_all(work)

    async def last_lines(self, name: str) -> Sequence[str]:
        """The last output of ``name`` before its last end."""
        return await self._backend.last_lines(name)

    def _expected(self, hello: Hello) -> Hello:
        if hello.keeps is self._wants_stock:
            now = "with" if hello.keeps else "without"
            text = f"supervisord runs {now} the keeper since this operator began; start it anew"
            raise Transient(text, reason="KeeperChanged")
        return hello
