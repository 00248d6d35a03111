"""The password opens a session; nothing else does, and guessing gets slow."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import httpx
import pytest

from reconciler.api.access import Access, open_access
from reconciler.api.password import VARIABLE, Password, hashed
from reconciler.core.errors import Terminal
from reconciler.settings import Settings

from .conftest import PASSWORD, Ask, Grant, Operator

ROOT = "/admin/api/v1"
LOGIN, SESSION, RECONCILE = f"{ROOT}/login", f"{ROOT}/session", f"{ROOT}/reconcile"
GATEWAY = {"X-Reconciler-Client": "stranger", "X-Real-IP": "203.0.113.9"}


class Time:
    """A clock a test can turn."""

    def __init__(self) -> None:
        self.now = 1_769_767_200.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(access: Access) -> Time:
    access.now = access.clock = Time()
    return access.clock


async def login(http: httpx.AsyncClient, said: str = PASSWORD, **headers: str) -> httpx.Response:
    return await http.post(LOGIN, json={"password": said}, headers=headers)


async def test_a_session(ask: Ask, operator: Operator) -> None:
    """With the password a browser reads, and with the word of its session it writes too."""
    async with ask(**GATEWAY) as http:
        opened = await login(http)
        assert (opened.status_code, opened.json()["scope"]) == (200, "admin")
        csrf = {"X-CSRF-Token": opened.json()["csrf"]}
        assert (await http.get(SESSION)).json()["csrf"] == csrf["X-CSRF-Token"]
        assert (await http.get(f"{ROOT}/status")).status_code == 200
        assert (await http.post(RECONCILE, headers=csrf)).status_code == 200
        assert (await http.post(f"{ROOT}/logout", headers=csrf)).status_code == 204
        assert (await http.get(f"{ROOT}/status")).status_code == 401
    assert operator.passes == 1


async def test_the_cookie_is_hard_to_steal(ask: Ask) -> None:
    """No script reads it, no other site sends it, no program behind the gateway gets it."""
    async with ask(**GATEWAY) as http:
        plain = (await login(http)).headers["set-cookie"]
        behind = (await login(http, Origin="https://localhost")).headers["set-cookie"]
        gateway = (await login(http, **{"X-Forwarded-Proto": "https"})).headers["set-cookie"]
    for cookie in (plain, behind, gateway):
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Path=/admin/api/" in cookie
        assert "Max-Age=43200" in cookie
    assert "Secure" not in plain
    assert "Secure" in behind
    assert "Secure" in gateway


@pytest.mark.parametrize("word", [None, "", "0" * 32])
async def test_a_forged_write(ask: Ask, operator: Operator, word: str | None) -> None:
    """A cookie without its word, as another site's page would send it, changes nothing."""
    async with ask(**GATEWAY) as http:
        await login(http)
        headers = {} if word is None else {"X-CSRF-Token": word}
        assert (await http.post(RECONCILE, headers=headers)).status_code == 403
    assert operator.passes == 0


@pytest.mark.parametrize(
    "page", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}]
)
async def test_a_foreign_write(ask: Ask, operator: Operator, page: dict[str, str]) -> None:
    """A page of another site changes nothing, not even with the word, and does not log in."""
    async with ask(**GATEWAY) as http:
        csrf = {"X-CSRF-Token": (await login(http)).json()["csrf"]}
        assert (await http.post(RECONCILE, headers={**csrf, **page})).status_code == 403
        assert (await login(http, **page)).status_code == 403
    assert operator.passes == 0


@pytest.mark.parametrize("said", ["", " ", PASSWORD + " ", PASSWORD[:-1], "admin", "\0", "é" * 900])
async def test_a_wrong_password(ask: Ask, said: str) -> None:
    """Anything but the password gets 401, no cookie, and is not repeated."""
    async with ask(**GATEWAY) as http:
        answer = await login(http, said)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert answer.json()["detail"] == "this is not the password"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"password": None},
        {"password": ["hunter2"]},
        {"password": "hunter2" * 200},
        {"password": "hunter2", "user": "hunter2"},
        [],
    ],
)
async def test_an_odd_login_is_not_repeated(ask: Ask, body: object) -> None:
    """A body that is no login is refused, and what it said does not come back."""
    async with ask(**GATEWAY) as http:
        answer = await http.post(LOGIN, json=body)
        form = await http.post(LOGIN, data={"password": PASSWORD})
    assert (answer.status_code, form.status_code) == (422, 422)
    assert "hunter2" not in answer.text
    assert PASSWORD not in form.text


@pytest.mark.parametrize(
    "told", ["", " ", "hunter2", "$argon2id$", "$argon2id$v=19$m=9999999,t=9,p=1$AAAA$AAAA"]
)
async def test_nobody_without_a_hash(settings: Settings, told: str) -> None:
    """A hash that is none lets nobody in: not even an empty password, nor its own text."""
    (settings.durable / "hash").write_text(told)
    for environ in ({VARIABLE: told}, {f"{VARIABLE}_FILE": str(settings.durable / "hash")}):
        password = Password(settings.durable, environ)
        if password.told:
            assert password.current().why
            assert not any(password.is_right(said) for said in ("", told, "hunter2", "admin"))


def test_an_empty_password_never_logs_in(settings: Settings) -> None:
    """Not even when somebody made a hash of it."""
    from reconciler.api.password import HASHER

    password = Password(settings.durable, {VARIABLE: HASHER.hash("")})
    assert password.is_right("") is None


async def test_guessing_gets_slow(ask: Ask, clock: Time) -> None:
    """Five wrong ones, then pauses that double; the right one waits as well, others do not."""
    async with ask(**GATEWAY) as http:
        assert [(await login(http, "no")).status_code for _ in range(5)] == [401] * 5
        pauses = []
        for _ in range(4):
            refused = await login(http)
            assert refused.status_code == 429
            pauses.append(int(refused.headers["retry-after"]))
            clock.now += pauses[-1]
            assert (await login(http, "no")).status_code == 401
        assert pauses == [60, 120, 240, 480]
        assert (await login(http, **{"X-Real-IP": "203.0.113.10"})).status_code == 200
        clock.now += 960
        assert (await login(http)).status_code == 200
        assert (await login(http, "no")).status_code == 401


async def test_a_crowd_of_guesses_counts(ask: Ask) -> None:
    """Guesses at the same moment do not share one count."""
    async with ask(**GATEWAY) as http:
        answers = await asyncio.gather(*(login(http, f"guess {n}") for n in range(40)))
    codes = [answer.status_code for answer in answers]
    assert codes.count(401) <= 5
    assert set(codes) == {401, 429}


async def test_who_is_not_heard_has_not_guessed(ask: Ask) -> None:
    """A crowd from elsewhere can delay a login, and not use up the tries of its owner."""
    crowd = [f"203.0.113.{number}" for number in range(1, 30)]
    async with ask(**GATEWAY) as http:
        said = (login(http, "no", **{"X-Real-IP": one}) for one in crowd)
        answers = await asyncio.gather(*said)
        late = next(
            {"X-Real-IP": one}
            for one, answer in zip(crowd, answers, strict=True)
            if answer.status_code == 429
        )
        assert {(await login(http, "no", **late)).status_code for _ in range(4)} == {401}
        assert (await login(http, **late)).status_code == 200


async def test_one_network_is_one_guesser(ask: Ask) -> None:
    """Who owns an IPv6 network does not have a new name for each guess."""
    async with ask(X_Reconciler_Client="stranger") as http:
        for number in range(5):
            await login(http, "no", **{"X-Real-IP": f"2001:db8:1:2::{number}"})
        assert (await login(http, **{"X-Real-IP": "2001:db8:1:2:f::9"})).status_code == 429
        assert (await login(http, **{"X-Real-IP": "2001:db8:1:3::1"})).status_code == 200


async def test_a_refusal_takes_as_long(settings: Settings) -> None:
    """How long it takes tells neither whether there is a password nor how near a guess was."""

    def seconds(password: Password, said: str) -> float:
        took = []
        for _ in range(7):
            started = time.thread_time()  # others take none of it
            password.is_right(said)
            took.append(time.thread_time() - started)
        return min(took)

    known = Password(settings.durable, settings.environ)
    none = Password(settings.durable / "nowhere", {})
    times = [seconds(known, "no"), seconds(known, ""), seconds(none, "no"), seconds(known, "é")]
    assert max(times) < 3 * min(times), times


async def test_a_new_password_ends_sessions(ask: Ask, settings: Settings, access: Access) -> None:
    """Who logged in with the old password is out; tokens stay."""
    async with ask(**GATEWAY) as http:
        await login(http)
        assert (await http.get(SESSION)).status_code == 200
        access.password = Password(settings.durable, {VARIABLE: hashed("another password")})
        assert (await http.get(SESSION)).status_code == 401


async def test_sessions_end(ask: Ask, clock: Time, token: Grant) -> None:
    """After half a day a session is over, and leaves nothing behind."""
    async with ask(**GATEWAY) as http:
        await login(http)
        clock.now += 12 * 3600 - 1
        assert (await http.get(SESSION)).status_code == 200
        clock.now += 1
        assert (await http.get(SESSION)).status_code == 401
        assert (await http.get(SESSION, headers=token("read"))).json()["csrf"] == ""


async def test_a_session_is_no_token(ask: Ask, access: Access) -> None:
    """What is in a cookie does not work as a bearer token, nor a token as a cookie."""
    async with ask(**GATEWAY) as http:
        secret = re.search(r"session=([^;]+)", (await login(http)).headers["set-cookie"])
        http.cookies.clear()
        assert secret
        swapped = {"Authorization": f"Bearer {secret[1]}"}
        assert (await http.get(SESSION, headers=swapped)).status_code == 401
    kept = (access.credentials._path).read_text()
    assert secret[1] not in kept


def test_the_first_password(stack_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without one told, one is made, in a file of the owner's; only the path is logged."""
    settings = Settings(stack_dir / "specs", stack_dir)
    with caplog.at_level("INFO"):
        made = open_access(settings)
        note = settings.durable / "admin.password"
        secret = note.read_text().strip()
        assert open_access(settings).password.is_right(secret)
    assert made.password.is_right(secret)
    assert (note.stat().st_mode & 0o777, len(secret)) == (0o600, 24)
    assert caplog.text.count(str(note)) == 1
    assert secret not in caplog.text
    assert secret not in (settings.durable / "admin.hash").read_text()


def test_changing_the_password(settings: Settings) -> None:
    """A person may choose another one, of some length, unless the environment decides."""
    password = Password(settings.durable, {})
    password.ensure()
    password.change("another password")
    assert password.is_right("another password")
    assert not password.note.exists()
    with pytest.raises(Terminal, match="10 to 1024 characters"):
        password.change("short")
    with pytest.raises(Terminal, match=f"set by {VARIABLE}: change it there"):
        Password(settings.durable, settings.environ).change("another password")
