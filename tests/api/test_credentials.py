"""What is kept of tokens: digests, whole, for the owner alone; damage opens nothing."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.api.credentials import MARK, SESSIONS, Credential, Credentials, Scope
from reconciler.api.password import Password
from reconciler.api.throttle import TRIES, Logins, Rates, network_of
from reconciler.core.errors import Terminal


@pytest.fixture
def kept(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path / "state" / "admin.tokens")


def reader(name: str, created: float = 0.0) -> Credential:
    return Credential(name, Scope.READ, "", created)


def test_no_byte_of_damage_opens_it(kept: Credentials) -> None:
    """Whatever byte of the file is wrong, nobody gets in who did not, nor gets further."""
    secret = kept.create(reader("a"))
    kept.create(Credential("b", Scope.ADMIN, "", 0.0, expires=1.0))
    whole = kept._path.read_bytes()
    for position in range(len(whole)):
        for byte in (0, whole[position] ^ 1, ord('"'), ord("9")):
            broken = whole[:position] + bytes([byte]) + whole[position + 1 :]
            kept._path.write_bytes(broken)
            fresh = Credentials(kept._path)
            with suppress(Terminal):
                assert fresh.find("", 0.0) is None
                assert fresh.find(MARK, 0.0) is None
                found = fresh.find(secret, 0.0)
                assert found is None or found.scope is Scope.READ


def test_no_byte_of_damage_is_a_password(tmp_path: Path) -> None:
    """A damaged hash lets in neither an empty password nor the text of the file."""
    password = Password(tmp_path, {})
    password.ensure()
    whole = password.hash_file.read_bytes()
    for position in range(0, len(whole), 9):
        password.hash_file.write_bytes(whole[:position] + b"\0" + whole[position + 1 :])
        for said in ("", "\0", whole.decode()):
            assert password.is_right(said) is None
    for text in (b"", b"\n", b"$", whole[:40], b"\xff\xfe"):
        password.hash_file.write_bytes(text)
        assert password.is_right("") is None
        assert password.current().why
        assert password.ensure() is None  # what is damaged is not made anew behind the owner's back


def test_many_writers(kept: Credentials) -> None:
    """The command line and the operator write at the same time; nobody's token is lost."""

    def make(number: int) -> str:
        return Credentials(kept._path).create(reader(f"t{number}"))

    with ThreadPoolExecutor(8) as pool:
        secrets = list(pool.map(make, range(24)))
    assert len(kept.listed()) == len(set(secrets)) == 24
    assert all(kept.find(secret, 0.0) for secret in secrets)
    assert kept._path.stat().st_mode & 0o777 == 0o600


def test_a_change_by_another_is_seen(kept: Credentials) -> None:
    """A token that another program revoked is none at once."""
    secret = kept.create(reader("a"))
    assert kept.find(secret, 0.0)
    Credentials(kept._path).revoke(lambda one: one.name == "a")
    assert kept.find(secret, 0.0) is None
    kept._path.unlink()
    assert kept.find(secret, 0.0) is None


def test_sessions_do_not_pile_up(kept: Credentials) -> None:
    """There are only so many sessions; the oldest goes, tokens never do."""
    token = kept.create(reader("a"))

    def session(number: int) -> str:
        made = Credential(f"session {number}", Scope.ADMIN, "", float(number), 1e9, "digest")
        return kept.create(made)

    secrets = [session(number) for number in range(SESSIONS + 3)]
    assert [kept.find(one, 60.0) is not None for one in secrets[:4]] == [False, False, False, True]
    assert len(kept.listed()) == SESSIONS + 1
    assert kept.find(token, 60.0)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(kept: Credentials) -> None:
    """Unknown is not absent: it says so, and what mends it."""
    kept.create(reader("a"))
    kept._path.chmod(0)
    with pytest.raises(Terminal, match="only the user who runs the stack may"):
        Credentials(kept._path).find("rct_x", 0.0)


@given(st.lists(st.floats(0, 600), min_size=1, max_size=200))
def test_guesses_in_a_day_are_few(pauses: list[float]) -> None:
    """However somebody spreads his guesses, a day has room for a few hundred."""
    logins, now, tried, span = Logins(), 0.0, 0, 86400.0
    for number in range(20_000):
        pause = pauses[number % len(pauses)]
        now += pause
        if now > span:
            break
        if logins.wait("203.0.113.9", now) == 0:
            logins.begin("203.0.113.9", now)
            tried += 1
    slow = 86400.0 / 180.0  # who stays below five in a quarter of an hour is never blocked
    assert tried <= TRIES + slow


@given(st.lists(st.floats(0, 3), max_size=300))
def test_a_rate_holds(steps: list[float]) -> None:
    """Nobody gets more than the burst and what time brought, and a quiet one is never refused."""
    rates, now, served = Rates(rate=2.0, burst=5.0), 0.0, 0
    for step in steps:
        now += step
        served += rates.wait("a", now) == 0
        assert served <= 5 + 2.0 * now + 1e-6
    assert rates.wait("a", now + 2.5) == 0
    assert rates.wait("b", now) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:0db8:0000:0000"),
        ("2001:db8:0:0:ffff::1", "2001:0db8:0000:0000"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_who_is_one(address: str, network: str) -> None:
    """An IPv6 network is one caller, an IPv4 address is one."""
    assert network_of(address) == network
