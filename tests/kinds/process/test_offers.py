"""Whether something may be sent to an instance, and where."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest

from reconciler.core.model import Observed, Origin, Ref, Resource, Unknown
from reconciler.core.offer import Presence
from reconciler.kinds.process.offers import offers
from reconciler.kinds.process.spec import ProcessSpec
from reconciler.kinds.process.state import Program


def web(**spec: Any) -> Resource[ProcessSpec]:
    written = {"command": ["sleep", "1"], "ports": [{"name": "http", "port": 8000}], **spec}
    return Resource(
        Ref("Process", "web-1"),
        ProcessSpec.model_validate(written),
        Origin(PurePath("specs/web.yaml"), 1),
        instance_of=Ref("Process", "web"),
        index=1,
    )


def seen(state: str, *, owned: bool = True, port: int = 8001, **vitals: Any) -> Observed[Program]:
    program = Program(ports={"http": port, "old": 1})
    return Observed(program, owned=owned, vitals={"state": state, **vitals})


@pytest.mark.parametrize(
    ("there", "presence"),
    [
        (None, Presence.COMING),
        (Unknown("Unreachable", "silence"), Presence.UNKNOWN),
        (seen("running", owned=False), Presence.AWAY),
        (seen("running"), Presence.READY),
        (seen("running", readiness="success"), Presence.READY),
        (seen("running", readiness="unknown"), Presence.UNKNOWN),
        (seen("running", readiness="awaited"), Presence.COMING),
        (seen("running", readiness="failure"), Presence.AWAY),
        (seen("starting"), Presence.COMING),
        (seen("starting", readiness="success"), Presence.READY),
        (seen("stopping", readiness="unknown"), Presence.COMING),
        (seen("stopped"), Presence.COMING),
        (seen("backoff", failures=1), Presence.COMING),
        (seen("backoff", failures=5), Presence.AWAY),
        (seen("failed"), Presence.AWAY),
        (seen("completed"), Presence.AWAY),
        (seen("unknown"), Presence.UNKNOWN),
    ],
)
def test_presence(there: Any, presence: Presence) -> None:
    """Only what is live and ready is; only a failed probe or a certain end withdraws."""
    assert offers(web(), there).presence is presence


def test_what_is_to_rest_is_away() -> None:
    """Whoever is switched off or stopped by hand is used no more, though it still runs."""
    assert offers(web(enabled=False), seen("running")).presence is Presence.AWAY
    assert offers(web(enabled=False), Unknown("x", "x")).presence is Presence.UNKNOWN


def test_the_port_is_the_one_it_was_started_with() -> None:
    """An edited port counts once the instance was started with it."""
    assert offers(web(), None).ports == {"http": 8001}
    assert offers(web(), seen("running", port=7001)).ports == {"http": 7001}
    assert offers(web(), seen("running", owned=False, port=7001)).ports == {"http": 8001}
