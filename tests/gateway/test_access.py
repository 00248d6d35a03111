"""Who may use a route, on the real port."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.clients.gateway import RuleRefused
from reconciler.clients.table import PutEntry
from reconciler.core.sealed import Sealed

from .conftest import Backend, Gateway

pytestmark = pytest.mark.real

KEY = b"k" * 32
TOKEN = "0123456789abcdef0123"
OK = {"respond": {"status": 200, "body": "ok"}}


def sealed(value: str) -> Sealed:
    return Sealed.of(value, KEY)


def basic(**passwords: str) -> dict[str, Any]:
    users = [{"name": name, "password": sealed(word)} for name, word in passwords.items()]
    return {"auth": {"basic": {"users": users}}}


def guarded(access: Mapping[str, Any]) -> dict[str, Any]:
    return {**OK, "access": access}


def hashed(password: str, rounds: int = 5000) -> str:
    """As htpasswd would write it."""
    words = ["openssl", "passwd", "-6", "-salt", f"rounds={rounds}$saltsalt", password]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


RANGES: list[tuple[dict[str, Any], str, int]] = [
    ({"allow": ["127.0.0.0/8"]}, "127.0.0.1", 200),
    ({"allow": ["10.0.0.0/8"]}, "127.0.0.1", 403),
    ({"allow": ["10.0.0.0/8"], "deny": ["all"]}, "10.255.0.1", 200),
    ({"allow": ["10.0.0.0/8"], "deny": ["all"]}, "11.0.0.1", 403),
    ({"deny": ["10.0.0.0/8"]}, "10.0.0.1", 403),
    ({"deny": ["10.0.0.0/8"]}, "11.0.0.1", 200),
    ({"allow": ["10.0.0.0/8"], "deny": ["10.1.0.0/16"]}, "10.1.2.3", 403),
    ({"allow": ["10.0.0.0/8"], "deny": ["10.1.0.0/16"]}, "10.2.2.3", 200),
    ({"allow": ["10.1.2.3"], "deny": ["10.0.0.0/8"]}, "10.1.2.3", 200),
    ({"allow": ["10.1.2.3"], "deny": ["10.1.2.3"]}, "10.1.2.3", 403),
    ({"allow": ["all"], "deny": ["192.0.2.128/25"]}, "192.0.2.127", 200),
    ({"allow": ["all"], "deny": ["192.0.2.128/25"]}, "192.0.2.128", 403),
    ({"allow": ["2001:db8::/33"]}, "2001:db8:7fff::1", 200),
    ({"allow": ["2001:db8::/33"]}, "2001:db8:8000::1", 403),
    ({"allow": ["0.0.0.0/0"]}, "2001:db8::1", 403),
    ({"allow": ["10.0.0.0/8"]}, "::ffff:10.0.0.1", 200),
]


async def test_addresses(gateway: Gateway) -> None:
    """The narrowest range decides."""
    await gateway.configure(trustedProxies=["127.0.0.1"])
    for access, asked_from, status in RANGES:
        await gateway.serve(a=guarded(access))
        headers = {} if asked_from == "127.0.0.1" else {"X-Forwarded-For": asked_from}
        answer = await gateway.get("/", headers=headers)
        assert answer.status_code == status, (access, asked_from)


async def test_a_clients_word_about_its_address_counts_for_nothing(gateway: Gateway) -> None:
    """Only a trusted proxy says who asks."""
    await gateway.serve(a=guarded({"allow": ["10.0.0.0/8"]}))
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
        headers = {name: "for=10.0.0.1" if name == "Forwarded" else "10.0.0.1"}
        assert (await gateway.get("/", headers=headers)).status_code == 403


async def test_a_name_and_a_password(gateway: Gateway, backend: Backend) -> None:
    """The right pair is let in, everything else is asked for one; the program never sees it."""
    access = basic(me="pässword:with colons", you="second")
    await gateway.serve(a={"proxy": {"backend": backend.url}, "access": access})
    refused = await gateway.get("/")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="restricted", charset="UTF-8"'
    for _ in range(2):
        said = await gateway.echo("/", auth=("me", "pässword:with colons"))
        assert "authorization" not in said["names"]
    assert (await gateway.get("/", auth=("you", "second"))).status_code == 200
    for name, password in [("me", "second"), ("me", ""), ("", "second"), ("nobody", ""), ("", "")]:
        assert (await gateway.get("/", auth=(name, password))).status_code == 401
    for header in ["Basic", "Basic !!!", "Basic bWU=", "Bearer x", "Basic " + "A" * 4000, "x"]:
        assert (await gateway.get("/", headers={"Authorization": header})).status_code == 401
    assert len(backend.requests) == 3


async def test_hashes_as_htpasswd_writes_them(gateway: Gateway) -> None:
    """What crypt(3) of the machine knows is checked; nothing of it is a password itself."""
    made = hashed("secret")
    users = [{"name": "me", "hash": made}]
    await gateway.serve(a=guarded({"auth": {"basic": {"users": users, "realm": "Mine"}}}))
    assert (await gateway.get("/", auth=("me", "secret"))).status_code == 200
    wrong = await gateway.get("/", auth=("me", made))
    assert (wrong.status_code, 'realm="Mine"' in wrong.headers["WWW-Authenticate"]) == (401, True)


async def test_tokens(gateway: Gateway, backend: Backend) -> None:
    """One of them is enough; it is not passed on."""
    tokens = [sealed("another token, 20 by"), sealed(TOKEN)]
    access = {"auth": {"bearer": {"tokens": tokens}}}
    await gateway.serve(a={"proxy": {"backend": backend.url}, "access": access})
    refused = await gateway.get("/")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    said = await gateway.echo("/", headers={"Authorization": f"Bearer {TOKEN}"})
    assert "authorization" not in said["names"]
    for wrong in (TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "x"):
        headers = {"Authorization": f"Bearer {wrong}"}
        assert (await gateway.get("/", headers=headers)).status_code == 401


async def test_who_guesses_has_to_wait(gateway: Gateway) -> None:
    """After twenty wrong tries of an address; who was let in before still is."""
    await gateway.serve(a=guarded(basic(me="right", you="too")))
    right = await gateway.get("/", auth=("me", "right"))
    assert right.status_code == 200
    codes = [(await gateway.get("/", auth=("me", str(n)))).status_code for n in range(22)]
    assert codes == [401] * 20 + [429] * 2
    assert (await gateway.get("/", auth=("you", "too"))).status_code == 429
    answers = [await gateway.get("/", auth=("me", "right")) for _ in range(6)]
    assert 200 in {answer.status_code for answer in answers}


async def test_who_guesses_holds_up_nobody_else(gateway: Gateway) -> None:
    """Wrong passwords take turns, and too many at once are told so; tokens wait for nobody."""
    users = [{"name": "me", "hash": hashed("right", rounds=90_000)}]
    tokens = {"auth": {"bearer": {"tokens": [sealed(TOKEN)]}}}
    await gateway.serve(
        a={**guarded({"auth": {"basic": {"users": users}}}), "match": {"pathPrefix": "/a/"}},
        b={**guarded(tokens), "match": {"pathPrefix": "/b/"}},
    )
    await gateway.configure(trustedProxies=["127.0.0.1"])

    async def guess(number: int) -> int:
        headers = {"X-Forwarded-For": f"10.0.{number}.1"}
        answer = await gateway.get("/a/", headers=headers, auth=("me", str(number)), timeout=30)
        return answer.status_code

    codes = await asyncio.gather(*map(guess, range(80)))
    assert set(codes) == {401, 429}
    for _ in range(25):
        wrong = {"Authorization": f"Bearer {TOKEN}x"}
        assert (await gateway.get("/b/", headers=wrong)).status_code == 401
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert (await gateway.get("/b/", headers=right)).status_code == 200


async def test_an_address_is_the_same_in_other_clothes(gateway: Gateway) -> None:
    """Who guesses from one IPv4 address keeps nobody out who is told as ::ffff:… too."""
    await gateway.serve(a=guarded(basic(me="right")))
    await gateway.configure(trustedProxies=["127.0.0.1"])

    async def ask(last: int, password: str) -> int:
        headers = {"X-Forwarded-For": f"::ffff:10.0.0.{last}"}
        return (await gateway.get("/", headers=headers, auth=("me", password))).status_code

    assert [await ask(1, str(n)) for n in range(21)] == [401] * 20 + [429]
    assert await ask(2, "right") == 200


async def test_no_secret_leaves_the_operator(gateway: Gateway) -> None:
    """The table, on the wire and on disk, has hashes; the same specs make the same ones."""
    spec = guarded(basic(me="correct horse"))
    token = {
        **OK,
        "match": {"pathPrefix": "/t"},
        "access": {"auth": {"bearer": {"tokens": [sealed(TOKEN)]}}},
    }
    await gateway.serve(a=spec, t=token)
    _, document = await gateway.parts.table.look()
    await gateway.parts.table.keep()
    said = json.dumps(document.rules["a"]) + json.dumps(document.rules["t"])
    for file in gateway.parts.place.prefix.glob("table*"):
        said += file.read_text()
    assert "correct horse" not in said
    assert TOKEN not in said
    before = document.etag
    await gateway.serve(a=spec, t=token)
    assert (await gateway.parts.table.look())[1].etag == before
    seen = (await gateway.parts.routes.observe())["a"].state
    assert seen == gateway.put("a", spec).rule
    other = gateway.put("a", guarded(basic(me="other"))).rule
    assert seen != other
    assert "pbkdf" not in repr(seen)
    assert "(secret)" in repr(seen)


HALF: list[tuple[dict[str, Any], str]] = [
    ({"allow": ["10.0.0.0/33"]}, "access.allow: not an address"),
    ({"allow": ["x"]}, "access.allow"),
    ({"users": [{"name": "x"}], "rounds": 20000}, "needs a name and a hash"),
    ({"users": [], "rounds": 20000}, "need users"),
    ({"users": [{"name": "x"}], "rounds": 1}, "access.rounds must be"),
    ({"users": [{"name": "x", "crypt": {"sealed": "x"}}], "rounds": 20000}, "needs a name"),
    ({"tokens": [{"salt": "x", "hash": {"sealed": "short"}}]}, "needs a hash"),
    ({"colour": 1}, "unknown field in access"),
]


async def test_the_gateway_takes_no_half_guard(gateway: Gateway) -> None:
    """Whoever writes the table: a guard that cannot guard is refused."""
    for access, says in HALF:
        with pytest.raises(RuleRefused, match=says):
            await gateway.parts.table.change(PutEntry("bad", {**OK, "access": access}))
