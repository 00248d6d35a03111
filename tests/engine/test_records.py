"""Facts that survive the operator, and a history that may be lost."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.core.errors import Terminal
from reconciler.core.model import Ref
from reconciler.engine.journal import Event, Journal, Known, Picked
from reconciler.engine.lock import sole_operator
from reconciler.engine.records import Records, digest_key

WEB = Ref("App", "web-0")


def test_records_survive(tmp_path: Path) -> None:
    """What was written is there for the next operator, and a cleared fact is not."""
    path = tmp_path / "state" / "records.db"
    records = Records(path)
    records.write("latch", "data", {"device": 1})
    records.write("latch", "gone", 1)
    records.clear("latch", "gone")
    records.close()
    again = Records(path)
    assert again.read("latch", "data") == {"device": 1}
    assert again.read("latch", "gone") is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again.close()


def test_unreadable_records_stop_the_operator(tmp_path: Path) -> None:
    """Records are no cache: what cannot be read is not taken for empty."""
    path = tmp_path / "records.db"
    path.write_bytes(b"not a database, and long enough to be read as one" * 100)
    with pytest.raises(Terminal, match="move it aside"):
        Records(path)


def test_unreadable_journal_is_put_aside(tmp_path: Path) -> None:
    """History is a cache: a broken one is kept beside and begun anew."""
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database, and long enough to be read as one" * 100)
    journal = Journal(path)
    journal.record_events([Event(WEB, "Normal", "Created", "")], 1.0)
    assert len(journal.events(10)) == 1
    assert path.with_suffix(".unreadable").exists()
    journal.close()


def test_old_events_of_one_are_found(tmp_path: Path) -> None:
    """However much happened to others since."""
    journal = Journal(tmp_path / "journal.db")
    journal.record_events([Event(WEB, "Normal", "Created", "")], 1.0)
    others = (Event(Ref("App", f"o{n}"), "Normal", "Created", "") for n in range(1500))
    journal.record_events(others, 2.0)
    assert [row[1] for row in journal.events(10, Picked([str(WEB)]))] == [str(WEB)]
    assert len(journal.events(10, Picked([str(WEB), "App/o1"]))) == 2
    assert len(journal.events(10)) == 10
    journal.close()


def test_what_is_written_together_is_there_together(tmp_path: Path) -> None:
    """Or nothing of it."""
    records = Records(tmp_path / "records.db")
    with records.together():
        records.write("override", "a", 1)
        records.write("override", "b", 1)
    with suppress(RuntimeError), records.together():
        records.write("override", "a", 2)
        raise RuntimeError
    records.write("override", "c", 1)
    assert records.all("override") == {"a": 1, "b": 1, "c": 1}
    records.close()


def test_repeated_events_count_up(tmp_path: Path) -> None:
    """The same event twice in a row is one line with a count."""
    journal = Journal(tmp_path / "journal.db")
    for now in (1.0, 2.0):
        journal.record_events([Event(WEB, "Warning", "Backoff", "no")], now)
    journal.record_events([Event(WEB, "Normal", "Ready", "")], 3.0)
    assert [(row[3], row[5]) for row in journal.events(10)] == [("Ready", 1), ("Backoff", 2)]
    journal.close()


def test_known_resources_survive(tmp_path: Path) -> None:
    """Generations count on after a restart."""
    path = tmp_path / "journal.db"
    journal = Journal(path)
    journal.remember({WEB: Known("d", 3, "d")})
    journal.close()
    again = Journal(path)
    assert again.known() == {WEB: Known("d", 3, "d")}
    again.close()


def test_digest_key_is_made_once(tmp_path: Path) -> None:
    """The same key for ever, in a file nobody else may read."""
    path = tmp_path / "digest.key"
    assert digest_key(path) == digest_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_one_operator_per_stack(tmp_path: Path) -> None:
    """A second operator is refused with the first one's pid, and may start when it is gone."""
    path = tmp_path / "run" / "operator.lock"
    with sole_operator(path), pytest.raises(Terminal, match="pid"), sole_operator(path):
        pass
    with sole_operator(path):
        pass


def test_reading_leaves_a_broken_journal_where_it_is(tmp_path: Path) -> None:
    """Who only looks moves nothing."""
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database, and long enough to be read as one" * 100)
    journal = Journal(path, read_only=True)
    assert journal.events(10) == []
    journal.close()
    assert [one.name for one in tmp_path.iterdir()] == ["journal.db"]


def test_a_journal_that_cannot_be_opened_costs_history_only(tmp_path: Path) -> None:
    """What is merely out of reach is not put aside, and the operator runs without it."""
    path = tmp_path / "journal.db"
    path.mkdir()
    journal = Journal(path)
    journal.record_events([Event(WEB, "Normal", "Created", "")], 1.0)
    assert len(journal.events(10)) == 1
    journal.close()
    assert path.is_dir()


@pytest.mark.parametrize("read_only", [True, False])
def test_half_a_digest_key_is_none(tmp_path: Path, *, read_only: bool) -> None:
    """An empty key would let anybody guess secrets from their digests."""
    (tmp_path / "digest.key").write_bytes(b"")
    with pytest.raises(Terminal, match=r"digest\.key.*move it aside"):
        digest_key(tmp_path / "digest.key", read_only=read_only)
