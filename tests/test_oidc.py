"""Tokens of a login service: which are good, whose they are, and what happens when it does not answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from service.access.jwks import FRESH_S, PAUSE_S
from service.access.keys import Keys
from service.access.oidc import Oidc, oidc_of
from service.access.verifying import Bearer
from service.acting import Acting
from service.api.gate import Gate
from service.database.session import Database
from service.errors import EnvironmentProblem, Refused, Unauthorised, Unavailable
from service.schemas.keys import KeyIn
from service.settings import Settings
from tests.fake_issuer import AUDIENCE, FakeIssuer, new_key

NOW = int(time.time())


@pytest.fixture(scope="module")
def running() -> Iterator[FakeIssuer]:
    with FakeIssuer() as made:
        for kid, algorithm in (("r", "RS256"), ("e", "ES256"), ("d", "EdDSA")):
            made.add(kid, algorithm)
        yield made


@pytest.fixture
def issuer(running: FakeIssuer) -> FakeIssuer:
    running.asked.clear()
    running.down, running.claimed, running.extra = False, None, []
    return running


async def verified(issuer: FakeIssuer, token: str, **names: str) -> Bearer | None:
    oidc = Oidc(issuer.url, AUDIENCE, names.get("role", "youli_role"), names.get("shop", "youli_shop"))
    try:
        return await oidc.verify(token)
    finally:
        await oidc.close()


@pytest.mark.parametrize("kid", ["r", "e", "d"])
async def test_a_good_token_is_somebody(issuer: FakeIssuer, kid: str) -> None:
    token = issuer.token(kid, youli_role=["other", "qa", "agent"], aud=["x", AUDIENCE])
    assert Oidc.looks_like_one(token)
    bearer = await verified(issuer, token)
    assert bearer is not None
    assert (bearer.role, bearer.shop, bearer.context_role) == ("qa", "demo", "agent")
    assert bearer.id.startswith("oidc:")
    assert "u1" not in bearer.id
    again = await verified(issuer, issuer.token("r", exp=NOW + 900))
    assert again is not None
    assert again.id == bearer.id


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "http://127.0.0.1:1"},
        {"aud": "somebody-else"},
        {"aud": None},
        {"iss": None},
        {"sub": None},
        {"exp": None},
        {"exp": NOW - 3_600},
        {"nbf": NOW + 3_600},
        {"exp": "soon"},
        {"sub": 7},
    ],
)
async def test_a_claim_that_does_not_hold_makes_it_nobodys(issuer: FakeIssuer, wrong: dict[str, Any]) -> None:
    if wrong.get("exp") == "soon" or wrong.get("sub") == 7:  # what no honest library signs
        head, _, _ = issuer.token("d").split(".")
        body = jwt.utils.base64url_encode(json.dumps({"iss": issuer.url, "aud": AUDIENCE, "exp": 1} | wrong).encode())
        signed = f"{head}.{body.decode()}"
        signature = jwt.utils.base64url_encode(issuer.keys["d"][1].sign(signed.encode())).decode()
        assert await verified(issuer, f"{signed}.{signature}") is None
        return
    assert await verified(issuer, issuer.token("r", **wrong)) is None


async def test_clocks_may_differ_a_little(issuer: FakeIssuer) -> None:
    assert await verified(issuer, issuer.token("r", exp=int(time.time()) - 5, nbf=int(time.time()) + 5))


async def test_what_is_not_signed_by_them_is_nobodys(issuer: FakeIssuer) -> None:
    good = issuer.token("r")
    head, body, signature = good.split(".")
    told = jwt.decode(good, options={"verify_signature": False})
    public = issuer.keys["r"][1].public_key()
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    confused = f"{part({'alg': 'HS256', 'kid': 'r'})}.{body}"
    mac = base64.urlsafe_b64encode(hmac.digest(pem, confused.encode(), hashlib.sha256)).rstrip(b"=").decode()
    forged = [
        f"{head}.{part(told | {'youli_role': 'admin'})}.{signature}",
        f"{part({'alg': 'none', 'kid': 'r'})}.{body}.",
        f"{confused}.{mac}",
        f"{part({'alg': 'ES256', 'kid': 'r'})}.{body}.{signature}",
        f"{part({'alg': 'RS384', 'kid': 'r'})}.{body}.{signature}",
        jwt.encode(told, new_key("RS256"), "RS256", headers={"kid": "r"}),
        jwt.encode(told, new_key("RS256"), "RS256", headers={"kid": "r", "jku": f"{issuer.url}/keys"}),
        issuer.token("r", head={"crit": ["exp"]}),
        good[:-8] + "AAAAAAAA",
        "a.b.c",
        "..",
    ]
    for token in forged:
        assert await verified(issuer, token) is None
    assert await verified(issuer, good)


@pytest.mark.parametrize(
    ("claims", "named"),
    [
        ({"youli_role": None}, "youli_role"),
        ({"youli_role": "boss"}, "youli_role"),
        ({"youli_role": 7}, "youli_role"),
        ({"youli_shop": None}, "youli_shop"),
        ({"youli_shop": ["a", "b"]}, "youli_shop"),
        ({"youli_shop": "Ä"}, "youli_shop"),
        ({"youli_shop": "*"}, "youli_shop"),
    ],
)
async def test_a_good_token_that_says_too_little_is_told_what(
    issuer: FakeIssuer, claims: dict[str, Any], named: str
) -> None:
    with pytest.raises(Refused) as caught:
        await verified(issuer, issuer.token("e", **claims))
    assert caught.value.code == "claim_missing"
    assert named in caught.value.detail


async def test_all_shops_are_for_admins_and_claims_may_lie_deeper(issuer: FakeIssuer) -> None:
    token = issuer.token("e", youli_role=None, realm={"roles": ["youli-admin"]}, youli_shop="*")
    bearer = await verified(issuer, token, role="realm.roles")
    assert bearer is not None
    assert (bearer.role, bearer.shop, bearer.context_role) == ("admin", "*", "manager")


async def test_a_new_key_is_asked_for_and_made_up_ones_not_again_and_again(issuer: FakeIssuer) -> None:
    oidc = Oidc(issuer.url, AUDIENCE, "youli_role", "youli_shop")
    now = 0.0
    oidc._keys._clock = lambda: now
    assert await oidc.verify(issuer.token("r"))
    assert len(issuer.asked) == 2
    strange = [issuer.token("r", head={"kid": f"made-up-{n}"}) for n in range(20)]
    assert [await oidc.verify(token) for token in strange] == [None] * 20
    assert len(issuer.asked) == 2
    issuer.add("new", "ES256")
    try:
        fresh = issuer.token("new")
        assert await oidc.verify(fresh) is None
        now += PAUSE_S
        assert await oidc.verify(fresh)
        assert len(issuer.asked) == 4
    finally:
        del issuer.keys["new"]
    now += FRESH_S + 1
    issuer.down = True
    assert await oidc.verify(fresh)  # nobody waits for the keys to be asked for again
    await oidc.close()


async def test_without_their_keys_it_cannot_be_told(issuer: FakeIssuer) -> None:
    token = issuer.token("r")
    issuer.claimed = "http://127.0.0.1:9/other"
    with pytest.raises(Unavailable):
        await verified(issuer, token)
    issuer.claimed, issuer.down = None, True
    with pytest.raises(Unavailable) as caught:
        await verified(issuer, token)
    assert caught.value.code == "oidc_unavailable"


async def test_weak_and_broken_keys_are_passed_over(issuer: FakeIssuer) -> None:
    issuer.extra = [{"kty": "oct", "k": "AAAA", "kid": "o"}, {"kty": "RSA", "kid": "b"}, {"kty": ["RSA"]}, "x"]  # type: ignore[list-item]
    good = issuer.token("r")
    assert await verified(issuer, good)
    issuer.add("weak", "RS256", 1024)
    try:
        with pytest.warns(jwt.InsecureKeyLengthWarning):
            token = issuer.token("weak")
        assert await verified(issuer, token) is None
    finally:
        del issuer.keys["weak"]


def test_an_issuer_without_an_audience_is_no_setting() -> None:
    assert oidc_of(Settings()) is None
    with pytest.raises(EnvironmentProblem):
        oidc_of(Settings(oidc_issuer="http://127.0.0.1:1"))
    assert oidc_of(Settings(oidc_issuer="http://127.0.0.1:1", oidc_audience="a")) is not None


def test_jwt_is_imported_only_when_a_token_comes() -> None:
    code = (
        "import sys; from service.app import create_app; from service.settings import Settings;"
        "create_app(Settings(auth='on', oidc_issuer='http://127.0.0.1:1', oidc_audience='a'));"
        "sys.exit('jwt' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


async def test_the_gate_takes_tokens_beside_keys(issuer: FakeIssuer, tmp_path: Path) -> None:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'y.sqlite3'}")
    settings = Settings(oidc_issuer=issuer.url, oidc_audience=AUDIENCE)
    gate = Gate(settings, lambda: database, frozenset({"/readyz"}))
    key = await Keys(database).create(KeyIn(name="k", role="editor", shop="default"))

    async def who(token: str, path: str = "/v1/drafts") -> Acting:
        headers = [(b"authorization", f"Bearer {token}".encode())]
        return (await gate.who({"type": "http", "method": "GET", "path": path, "headers": headers}))[0]

    assert ((await who(issuer.token("d"))).role, (await who(key.key)).role) == ("agent", "editor")
    with pytest.raises(Unauthorised):
        await who(issuer.token("d", aud="else"))
    with pytest.raises(Refused):
        await who(issuer.token("d", youli_shop=None))
    assert (await who(issuer.token("d", youli_shop=None), "/readyz")).shop == ""
    await gate.close()
    await database.close()
