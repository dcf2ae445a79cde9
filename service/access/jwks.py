"""An issuer's public keys: fetched once, kept for an hour, asked for again when a token names one nobody knows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from service.errors import Unavailable

if TYPE_CHECKING:
    import httpx2
    from jwt import PyJWK

TIMEOUT_S = 3.0
FRESH_S = 3_600.0
"""Seconds keys are taken as they are."""
PAUSE_S = 30.0
"""Seconds between two questions at least: tokens with made-up key ids must not make us ask again and again."""
MAX_BYTES = 512 * 1024

MIN_RSA_BITS = 2_048
_KINDS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
_log = structlog.get_logger()


class KeySet:
    """The keys of one issuer.

    Args:
        issuer: its address.
        clock: seconds that only go forward.
    """

    def __init__(self, issuer: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer, self._clock = issuer, clock
        self._keys: list[PyJWK] | None = None
        self._fetched = self._tried = -FRESH_S
        self._lock = asyncio.Lock()
        self._client: httpx2.AsyncClient | None = None
        self._beside: asyncio.Task[None] | None = None

    async def find(self, kid: Any, algorithm: str) -> PyJWK | None:
        """The key a token is signed with, or None.

        Args:
            kid: the id the token names; without one, the only key of its kind.
            algorithm: of the signature.

        Raises:
            Unavailable: ``oidc_unavailable`` — there are no keys, and none are to be had.
        """
        found = self._find(kid, algorithm)
        if found is None:
            await self._refresh()
            found = self._find(kid, algorithm)
        elif self._clock() - self._fetched > FRESH_S and (self._beside is None or self._beside.done()):
            self._beside = asyncio.create_task(self._refresh(), name="oidc-keys")  # nobody has to wait for it
        if self._keys is None:
            raise Unavailable("oidc_unavailable")
        return found

    async def close(self) -> None:
        """Stop asking, and let go of connections."""
        if self._beside is not None:
            self._beside.cancel()
            await asyncio.gather(self._beside, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def _find(self, kid: Any, algorithm: str) -> PyJWK | None:
        fit = [key for key in self._keys or () if key.algorithm_name == algorithm]
        if kid is None:
            return fit[0] if len(fit) == 1 else None
        return next((key for key in fit if key.key_id == kid), None)

    async def _refresh(self) -> None:
        async with self._lock:
            if self._clock() - self._tried < PAUSE_S:
                return
            self._tried = self._clock()
            try:
                keys = await self._fetch()
            except Exception as error:  # those we have are still good; whether it comes back is seen next time
                _log.warning("oidc_keys_not_fetched", kind=type(error).__name__)
                return
            self._keys, self._fetched = keys, self._clock()

    async def _fetch(self) -> list[PyJWK]:
        described = await self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if described.get("issuer") != self._issuer:
            raise ValueError("issuer")
        listed = (await self._get(str(described["jwks_uri"])))["keys"]
        return [key for one in listed if (key := _key(one)) is not None]

    async def _get(self, url: str) -> dict[str, Any]:
        import httpx2

        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False)
        async with asyncio.timeout(TIMEOUT_S), self._client.stream("GET", url) as answer:
            body = b""
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > MAX_BYTES:
                    raise ValueError("size")
            if answer.status_code != 200:
                raise ValueError("status")
        return _object(body)


def _object(body: bytes) -> dict[str, Any]:
    import json

    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("shape")
    return value


def _key(one: Any) -> PyJWK | None:
    """A key that signs in a way we take; others, and broken ones, are passed over."""
    import jwt

    if not isinstance(one, dict) or one.get("use", "sig") != "sig":
        return None
    kind, curve = one.get("kty"), one.get("crv")
    algorithm = _KINDS.get((kind, curve)) if isinstance(kind, str) and isinstance(curve, str | None) else None
    if algorithm is None or one.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK(one, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return None if algorithm == "RS256" and key.key.key_size < MIN_RSA_BITS else key
