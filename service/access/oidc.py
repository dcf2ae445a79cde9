"""Tokens of a login service (OpenID Connect) in the place of keys, where one is configured.

Only asymmetric signatures are taken: with ``none`` anybody signs, and with HS256 whoever knows the public key does.
``jwt`` is imported here and only when a token comes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from service.access.jwks import KeySet
from service.access.rules import access_rules
from service.access.verifying import Bearer
from service.acting import ANY_SHOP, Role
from service.errors import EnvironmentProblem, Refused
from service.settings import Settings

if TYPE_CHECKING:
    from jwt import PyJWK

ALGORITHMS = ("RS256", "ES256", "EdDSA")
LEEWAY_S = 30
"""Seconds two clocks may differ."""

_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_SHOP = re.compile(r"\*|[a-z0-9][a-z0-9_-]{0,63}")


def oidc_of(settings: Settings) -> Oidc | None:
    """The login service of the settings; None where there is none.

    Raises:
        EnvironmentProblem: ``setting_invalid`` — an issuer without an audience: tokens for others would be taken.
    """
    if settings.oidc_issuer is None:
        return None
    if not settings.oidc_audience:
        raise EnvironmentProblem("oidc_no_audience")
    return Oidc(settings.oidc_issuer, settings.oidc_audience, settings.oidc_role_claim, settings.oidc_shop_claim)


class Oidc:
    """Knows the tokens of one issuer that are meant for this service.

    Args:
        issuer: as it stands in tokens, and where its description is found.
        audience: who the tokens must be for.
        role_claim: the claim with the role; dots lead into objects.
        shop_claim: the claim with the shop.
    """

    def __init__(self, issuer: str, audience: str, role_claim: str, shop_claim: str) -> None:
        self._issuer, self._audience = issuer, audience
        self._role_claim, self._shop_claim = role_claim, shop_claim
        self._keys = KeySet(issuer)

    @staticmethod
    def looks_like_one(token: str) -> bool:
        """Whether a text is written as a token is."""
        return _SHAPE.fullmatch(token) is not None

    async def verify(self, token: str) -> Bearer | None:
        """Whose token this is; None for one that is not good, whatever is wrong with it.

        Raises:
            Refused: ``claim_missing`` — it is good, and says no role or no shop we know.
            Unavailable: ``oidc_unavailable`` — the issuer's keys cannot be had.
        """
        import jwt

        try:
            head = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            return None
        if head.get("alg") not in ALGORITHMS or "crit" in head:
            return None
        key = await self._keys.find(head.get("kid"), str(head["alg"]))
        claims = self._claims(token, key) if key is not None else None
        return self._bearer(claims) if claims is not None else None

    async def close(self) -> None:
        """Let go of connections."""
        await self._keys.close()

    def _claims(self, token: str, key: PyJWK) -> Mapping[str, Any] | None:
        import jwt

        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.InvalidTokenError, ValueError, TypeError):
            return None
        return claims

    def _bearer(self, claims: Mapping[str, Any]) -> Bearer:
        rules = access_rules()
        found = [rules.claims[name] for name in _texts(claims, self._role_claim) if name in rules.claims]
        powers: list[Role] = list(rules.roles)
        role = max(found, key=powers.index, default=None)
        if role is None:
            raise Refused("claim_missing", claim=self._role_claim)
        shops = [shop for shop in _texts(claims, self._shop_claim) if _SHOP.fullmatch(shop)]
        if len(shops) != 1 or (shops[0] == ANY_SHOP and role != "admin"):
            raise Refused("claim_missing", claim=self._shop_claim)
        subject = hashlib.sha256(f"{self._issuer}\0{claims['sub']}".encode("utf-8", "replace")).hexdigest()[:32]
        until = datetime.fromtimestamp(float(claims["exp"]) + LEEWAY_S, UTC)
        return Bearer(f"oidc:{subject}", role, shops[0], rules.roles[role].context_role, expires_at=until)


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    """A claim's texts; a name that is no claim leads by its dots into objects."""
    value: Any = claims.get(name)
    if value is None:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]
