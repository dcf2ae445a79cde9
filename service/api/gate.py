"""Who stands at the door: a bearer of a key or a token, somebody with a signed address, a stranger, nobody."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.types import Scope

from service.access.links import Link, opened, read_expiry
from service.access.oidc import Oidc, oidc_of
from service.access.rules import access_rules
from service.access.secret import secret_for
from service.access.verifying import STRANGER, Bearer, Verifier
from service.acting import Acting
from service.api.problems import request_id
from service.api.proxies import networks
from service.errors import Refused, Unauthorised, Unavailable, YouliError
from service.settings import Settings

if TYPE_CHECKING:
    from service.database.session import Database

REPORT = re.compile(r"/v1/evals/runs/([^/]{1,100})/report")
_BEARER = re.compile(r"bearer +([\x21-\x7e]{1,8192}) *", re.IGNORECASE)


class Gate:
    """Knows callers.

    Args:
        settings: of the application.
        database_of: where keys are kept; None while there is none.
        open_paths: paths that answer anybody.
    """

    def __init__(
        self, settings: Settings, database_of: Callable[[], Database | None], open_paths: frozenset[str]
    ) -> None:
        self.trusted = networks(settings.trusted_proxies)
        self._settings, self._database_of, self._open = settings, database_of, open_paths
        self._verifier: Verifier | None = None
        self._secret: bytes | None = None
        self._oidc: Oidc | None = oidc_of(settings)

    async def who(self, scope: Scope) -> tuple[Acting, Bearer | None]:
        """Who asks.

        Raises:
            Unauthorised: no key or no good one, where one is needed.
            Refused: ``claim_missing`` — a good token that says no role or no shop; ``report_link`` — a signed address
                that is over, or was never given out.
            Unavailable: it cannot be told just now.
        """
        token = _token(scope)
        if scope["path"] in self._open:
            return await self._at_open_door(scope, token), None
        link = _link(scope) if token is None else None
        if link is not None:
            return await self._by_link(*link, request_id(scope)), None
        bearer = await self._bearer(token)
        if bearer is None:
            raise Unauthorised
        return bearer.acting(request_id(scope)), bearer

    def forget(self, key_id: str) -> None:
        """A key was revoked here."""
        if self._verifier is not None:
            self._verifier.forget(key_id)

    async def report_query(self, run: str, shop: str) -> str:
        """The query of a report's address that opens in a browser for a while."""
        expires = int(time.time()) + access_rules().report_minutes * 60
        link = Link(run, shop, "html", expires)
        signature = link.signed(await self._signing())
        return urlencode({"shop": shop, "format": "html", "expires": expires, "signature": signature})

    def address(self, scope: Scope) -> str:
        """Where people know the service: as it is set, or as a trusted proxy says; else nothing, a path will do."""
        if self._settings.public_url:
            return self._settings.public_url.rstrip("/")
        host = scope.get("state", {}).get("public_host")
        return f"{scope['scheme']}://{host}" if host else ""

    async def close(self) -> None:
        """Finish what is under way."""
        if self._verifier is not None:
            await self._verifier.close()
        if self._oidc is not None:
            await self._oidc.close()

    async def _at_open_door(self, scope: Scope, token: str | None) -> Acting:
        """A stranger may knock; a good key sees more, and a bad one no less than none."""
        try:
            bearer = await self._bearer(token) if token is not None else None
        except YouliError:  # this door answers when nothing else does
            bearer = None
        return bearer.acting(request_id(scope)) if bearer else replace(STRANGER, request=request_id(scope))

    async def _bearer(self, token: str | None) -> Bearer | None:
        if self._oidc is not None and token is not None and self._oidc.looks_like_one(token):
            return await self._oidc.verify(token)
        return await self._known().verify(token)

    async def _by_link(self, link: Link, signature: str, request: str) -> Acting:
        if not opened(await self._signing(), link, signature, time.time()):
            raise Refused("report_link")
        name = f"link:{link.run}"  # a rate of its own: whoever holds one address must not use up everybody's
        return Acting(name, "qa", link.shop, "agent", request)

    async def _signing(self) -> bytes:
        if self._secret is None:
            self._secret = await secret_for(self._settings, self._database(), "report")
        return self._secret

    def _known(self) -> Verifier:
        database = self._database()
        if self._verifier is None:
            self._verifier = Verifier(database)
        return self._verifier

    def _database(self) -> Database:
        database = self._database_of()
        if database is None:
            raise Unavailable("not_ready")
        return database


def _token(scope: Scope) -> str | None:
    """The one bearer token of a request; a text that is none where the header says something else."""
    given = Headers(scope=scope).getlist("authorization")
    if not given:
        return None
    found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    return found[1] if found else ""


def _link(scope: Scope) -> tuple[Link, str] | None:
    """The report a signed address is of, and its signature."""
    path = REPORT.fullmatch(scope["path"])
    if path is None or scope["method"] != "GET":
        return None
    query: dict[str, Any] = {}
    for key, value in parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True):
        query[key] = "" if key in query else value  # said twice is not said
    if "signature" not in query:
        return None
    expires = read_expiry(query.get("expires", ""))
    return Link(path[1], query.get("shop", ""), query.get("format", "html"), expires), query["signature"]
