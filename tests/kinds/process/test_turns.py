"""A process with ``blueGreen`` has a twin, and is refused where two cannot run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.kinds.process.test_spec import resource, spec

from reconciler.core.errors import Transient
from reconciler.core.model import Observed, Ref
from reconciler.core.sealed import Sealed
from reconciler.core.turns import Policy
from reconciler.kinds.process import KIND, STOCK, collisions
from reconciler.kinds.process.records import write_record
from reconciler.kinds.process.state import Program

BLUE = {"strategy": "blueGreen"}
AUTO = [{"name": "http", "port": "auto"}]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"rollout": BLUE}, "there is no port; write port: auto"),
        ({"rollout": BLUE, "ports": [{"name": "http", "port": 80}]}, "port http is fixed"),
        ({"rollout": BLUE, "ports": AUTO, "type": "oneshot"}, "for type: service"),
        (
            {"rollout": BLUE, "ports": AUTO, "type": "cron", "schedule": "@daily"},
            "for type: service",
        ),
        ({"rollout": {"drainTimeout": "5s"}}, "drainTimeout is only for strategy: blueGreen"),
        (
            {"rollout": {**BLUE, "minHealthyTime": "10m"}, "ports": AUTO},
            "longer than minHealthyTime",
        ),
        ({"rollout": {"strategy": "canary"}}, "recreate"),
    ],
)
def test_what_cannot_be_replaced_beside_itself_is_refused(given: dict[str, Any], says: str) -> None:
    """With a word on what to write."""
    with pytest.raises(ValidationError, match=says):
        spec(**given)


def test_each_instance_has_a_twin() -> None:
    """Both know each other, have their own ports, and the same number."""
    web = resource("web", replicas=2, ports=AUTO, rollout=BLUE)
    found = KIND.instances(web)
    assert [one.ref.name for one in found] == ["web-0", "web-0b", "web-1", "web-1b"]
    assert [one.lead.name for one in found] == ["web-0", "web-0", "web-1", "web-1"]
    assert {one.written_as for one in found} == {web.ref}
    placed = [KIND.with_ports(one, {"http": 8000 + n}) for n, one in enumerate(found)]
    assert [KIND.render(one).ports["http"] for one in placed] == [8000, 8001, 8002, 8003]
    assert KIND.render(placed[1]).env["REPLICA_INDEX"] == "0"
    assert KIND.turns(web) == Policy(10.0, 600.0, 30.0)
    assert KIND.turns(resource("db")) is None
    assert [one.beside for one in KIND.instances(resource("db"))] == [None]


def test_a_twin_has_its_name_for_itself() -> None:
    """A process of that name is refused, but only where there is a twin."""
    web, other = resource("web", ports=AUTO, rollout=BLUE), resource("web-0b")
    assert dict(collisions([web, other])).keys() == {other.ref}
    assert not dict(collisions([resource("web"), other]))


def test_what_is_kept_goes_on_as_it_is() -> None:
    """Whatever its spec says; it runs as far as the spec does, and may be asked to begin anew."""
    there = Program(argv=("old",), started=False, epoch=3, ports={"http": 8000})
    seen = Observed(there, owned=True, vitals={})
    want = KIND.instances(resource("web", ports=AUTO, rollout=BLUE))[0]
    assert KIND.keeps(want, seen) == there.model_copy(update={"started": True})
    again = KIND.keeps(replace(want, epoch=4), seen)
    assert again == there.model_copy(update={"started": True, "epoch": 4})
    assert not KIND.keeps(KIND.paused(want), seen).started
    assert STOCK.keeps(replace(want, epoch=4), seen).epoch == 3
    assert KIND.addresses(seen) == {"127.0.0.1:8000"}
    assert want.ref == Ref("Process", "web-0")


def test_the_record_of_what_is_kept_stays_as_it_is(tmp_path: Path) -> None:
    """Its secrets are known nowhere else; another program is not written over it without them."""
    known = Program(argv=("a",), env={"KEY": Sealed("d1", "secret")})
    first = write_record(tmp_path, "web-0", known, "r1")
    text = (tmp_path / "web-0.json").read_bytes()
    kept = known.model_copy(update={"env": {"KEY": Sealed("d1")}, "epoch": 2})
    again = write_record(tmp_path, "web-0", kept, "r2")
    assert (tmp_path / "web-0.json").read_bytes() == text
    assert (again.digest, again.revision) == (first.digest, "r1")
    with pytest.raises(Transient, match="its secrets are not known"):
        write_record(tmp_path, "web-0", kept.model_copy(update={"argv": ("b",)}), "r2")
