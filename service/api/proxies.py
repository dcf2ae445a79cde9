"""Who asked, and under which address, where a proxy stands in between: believed only from proxies that are named."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

from service.errors import EnvironmentProblem

Networks = tuple[IPv4Network | IPv6Network, ...]
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


def networks(text: str) -> Networks:
    """The networks of a setting like ``127.0.0.1, 10.0.0.0/8``.

    Raises:
        EnvironmentProblem: ``setting_invalid``.
    """
    try:
        return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise EnvironmentProblem("setting_invalid", name="YOULI_TRUSTED_PROXIES", reason=error) from None


def believe(scope: Scope, trusted: Networks) -> None:
    """Take client, scheme and host from ``X-Forwarded-*`` where a trusted proxy says so; else leave all as it is.

    Of the addresses a proxy passes on the last one that is no proxy of ours counts: what stands before it was written
    by whoever asked.
    """
    client = scope.get("client")
    if not trusted or client is None or not _among(client[0], trusted):
        return
    headers = Headers(scope=scope)
    passed = [part.strip() for line in headers.getlist("x-forwarded-for") for part in line.split(",")]
    for address in reversed(passed):
        if _address(address) is None:
            break
        scope["client"] = (address, 0)
        if not _among(address, trusted):
            break
    scheme = headers.get("x-forwarded-proto", "").strip().lower()
    host = headers.get("x-forwarded-host", "").strip()
    if scheme in ("http", "https"):
        scope["scheme"] = scheme
        if not host:
            host = headers.get("host", "")
    if host and _HOST.fullmatch(host):
        scope.setdefault("state", {})["public_host"] = host


@lru_cache(maxsize=4_096)
def _among(address: str, trusted: Networks) -> bool:
    known = _address(address)
    return known is not None and any(known in network for network in trusted)


def _address(text: str) -> object | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
