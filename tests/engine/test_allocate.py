"""``port: auto``: picked once, remembered, let go with its resource."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.toys import TOYS, app, desired

from reconciler.core.diff import diff
from reconciler.core.errors import Transient
from reconciler.core.model import Ref
from reconciler.core.moved import moved
from reconciler.engine import allocate
from reconciler.engine.allocate import FIRST, LAST, Ports
from reconciler.engine.expansion import Expansion
from reconciler.engine.journal import Journal
from reconciler.engine.ledger import Ledger
from reconciler.engine.plan_view import change_view
from reconciler.engine.records import Records
from reconciler.specs.load import Snapshot
from reconciler.testing import free_port

WEB = Ref("App", "web-0")


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = Records(tmp_path / "records.db")
    yield made
    made.close()


def test_a_port_is_picked_once(records: Records) -> None:
    """Each instance has its own, the same after a restart of the operator."""
    want = desired(app("web", port=None, copies=2), app("plain"), app("fixed", port=FIRST))
    first = dict(Ports(TOYS, records).placed(want))
    ports = [first[Ref("App", f"web-{n}")].spec.port for n in range(2)]
    assert len(set(ports)) == 2
    assert all(port is not None and FIRST < port <= LAST for port in ports)
    assert first[Ref("App", "plain-0")] is want[Ref("App", "plain-0")]
    again = dict(Ports(TOYS, records).placed(want))
    assert [again[Ref("App", f"web-{n}")].spec.port for n in range(2)] == ports


def test_who_only_looks_does_not_name_a_port(tmp_path: Path) -> None:
    """A plan without a trace says auto: another number is picked when it is done."""
    path = tmp_path / "records.db"
    with closing(Records(path)) as records:
        kept = dict(Ports(TOYS, records).placed(desired(app("web", port=None))))[WEB].spec.port
    both = Snapshot("r1", {one.ref: one for one in (app("web", port=None), app("new", port=None))})
    with closing(Records(path, read_only=True)) as records:
        ledger = Ledger(TOYS, Journal(tmp_path / "journal.db"), ports=Ports(TOYS, records))
        ledger.take_snapshot(both)
        shown = {}
        for ref, one in ledger.desired.items():
            change = diff(ref, TOYS["App"].render(one), None)
            assert change is not None
            fields = {
                field["path"]: field["after"] for field in change_view(ledger, change)["fields"]
            }
            shown[ref.name] = fields
        ledger.journal.close()
    assert shown["web-0"]["port"] == kept
    assert shown["new-0"]["port"] == "auto"


def test_a_busy_port_is_not_picked(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody listens on is passed over; a number of our own stays though we listen."""
    with socket.socket() as busy:
        number = free_port()
        busy.bind(("127.0.0.1", number))
        busy.listen()
        monkeypatch.setattr(allocate, "FIRST", number)
        monkeypatch.setattr(allocate, "LAST", number + 50)
        ports = Ports(TOYS, records)
        for _ in range(20):
            records.clear("port", "App/web-0:main")
            found = dict(Ports(TOYS, records).placed(desired(app("web", port=None))))
            assert found[WEB].spec.port != number
        ours = dict(ports.placed(desired(app("web", port=None))))[WEB].spec.port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ours))
        taken.listen()
        assert dict(ports.placed(desired(app("web", port=None))))[WEB].spec.port == ours


def test_a_port_that_is_written_down_elsewhere_is_given_up(records: Records) -> None:
    """Who wrote the number means it."""
    ports = Ports(TOYS, records)
    number = dict(ports.placed(desired(app("web", port=None))))[WEB].spec.port
    want = desired(app("web", port=None), app("other", port=number))
    assert dict(ports.placed(want))[WEB].spec.port != number


def test_expansion_hands_out_the_same_objects(records: Records) -> None:
    """And lets go of ports only when all specs could be read."""
    expansion = Expansion(TOYS, Ports(TOYS, records))
    written = app("web", port=None)
    snapshot = Snapshot("r1", {written.ref: written})
    first = expansion.expand(snapshot)
    assert expansion.expand(snapshot)[WEB] is first[WEB]
    number = first[WEB].spec.port
    expansion.expand(Snapshot("r2", {}, broken=frozenset({Path("specs/bad.yaml")})))
    assert expansion.expand(snapshot)[WEB].spec.port == number
    expansion.expand(Snapshot("r3", {}))
    assert records.all("port") == {}


def test_a_result_knows_where_it_differs(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the one before it, though no port was free in between."""
    ports = Ports(TOYS, records)
    before = ports.placed(desired(app("web", port=None), app("fixed", port=4000)))

    def none_free(_avoid: set[int]) -> int:
        raise Transient("none is free", reason="NoPort")

    monkeypatch.setattr(allocate, "_free_port", none_free)
    with pytest.raises(Transient):
        ports.placed(desired(app("web", port=None, copies=2), app("fixed", port=4001)))
    monkeypatch.undo()
    now = ports.placed(desired(app("web", port=None, copies=3), app("fixed", port=4002)))
    assert moved(before, now) == {k for k in now if before.get(k) is not now[k]}
