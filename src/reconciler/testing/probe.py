"""A Probe driver without files and clocks: verdicts are what the test says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from ..core.model import Observed
from ..core.verdict import Verdict
from ..kinds.probe.actions import Follow, Forget, ProbeAction
from ..kinds.probe.state import Watched


class FakeProbes:
    """Follows what it is told to; ``verdicts`` says what was found, unknown unless said."""

    def __init__(self) -> None:
        self.watched: dict[str, Watched] = {}
        self.verdicts: dict[str, Verdict] = {}

    async def observe(self) -> Mapping[str, Observed[Watched]]:
        return {name: self._see(name, watched) for name, watched in self.watched.items()}

    async def apply(self, action: ProbeAction) -> None:
        match action:
            case Follow(name, watched):
                self.watched[name] = watched
            case Forget(name):
                self.watched.pop(name, None)
            case _:
                assert_never(action)

    def _see(self, name: str, watched: Watched) -> Observed[Watched]:
        verdict = self.verdicts.get(name, Verdict.UNKNOWN)
        meets = ["ready"] if verdict is Verdict.SUCCESS else []
        vitals = {"state": str(verdict), "message": "", "meets": meets, "probes": {}}
        return Observed(watched, owned=True, vitals=vitals)
