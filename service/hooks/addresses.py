"""Which addresses events may be sent to: the open internet, and what the setting names; looked up anew each time.

What is connected to is the address that was looked at, so that a name cannot mean another machine a moment later.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from service.errors import InvalidRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
LONGEST = 2_000
_LOOKUPS = ThreadPoolExecutor(8, "webhook-names")
"""Threads of their own: a name server that never answers holds one for half a minute, and uploads need the others."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart."""

    secure: bool
    host: str
    port: int
    path: str
    """With its query."""

    @property
    def shown(self) -> str:
        """Without what a robot's address keeps secret: the query and the last part of the path."""
        scheme = "https" if self.secure else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        path, _, query = self.path.partition("?")
        head, _, last = path.rpartition("/")
        kept = f"{head}/…" if query or len(last) >= 16 else path
        return f"{scheme}://{host}:{self.port}{kept}"


class Allowed:
    """What may be reached though it is not on the open internet.

    Args:
        listed: host names, addresses and networks, comma-separated (``YOULI_WEBHOOK_ALLOW``).
    """

    def __init__(self, listed: str) -> None:
        self._names: set[str] = set()
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for one in filter(None, (part.strip().lower() for part in listed.split(","))):
            try:
                self._networks.append(ipaddress.ip_network(one, strict=False))
            except ValueError:
                self._names.add(one)

    def named(self, host: str, address: Address) -> bool:
        """Whether the setting names this host or its address."""
        return host in self._names or any(address in network for network in self._networks)

    def may(self, target: Target, address: Address) -> bool:
        """Whether an event may go there: in the clear only to this very machine, and only where that is named."""
        plain = unwrapped(address)
        if self.named(target.host, plain):
            return target.secure or plain.is_loopback
        return target.secure and public(plain)


def unwrapped(address: Address) -> Address:
    """The IPv4 address an IPv6 one stands for (``::ffff:…``, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        inside = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        return inside or address
    return address


def public(address: Address) -> bool:
    """Whether it is on the open internet: no private, local, shared (100.64/10), test or multicast address."""
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    inside = isinstance(address, ipaddress.IPv6Address) and address.is_site_local  # deprecated, and still routed inside
    return address.is_global and not inside


def target_of(url: str) -> Target:
    """An address taken apart.

    Raises:
        InvalidRequest: ``webhook_url`` — no http(s) address, or one with a user name in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode() if not _numeric(parts.hostname) else parts.hostname
    except (ValueError, UnicodeError):
        raise bad_url() from None
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST
    if not plain or parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or parts.fragment:
        raise bad_url()
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, host.lower().rstrip("."), port or (443 if secure else 80), path)


def bad_url() -> InvalidRequest:
    """The refusal of an address events may not be sent to; why is not told, so that nobody looks around by it."""
    error = InvalidRequest("webhook_url")
    error.errors = [{"pointer": "/url", "message": error.detail}]
    return error


async def resolve(target: Target, allowed: Allowed) -> str | None:
    """The address to connect to; None where any of its addresses may not be reached, or there is none."""
    try:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(_LOOKUPS, _looked_up, target)
    except (OSError, UnicodeError):
        return None
    addresses = [ipaddress.ip_address(str(one[4][0]).split("%")[0]) for one in found]
    if not addresses or not all(allowed.may(target, address) for address in addresses):
        return None
    return str(addresses[0])


def _looked_up(target: Target) -> list[Any]:
    return list(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))


def _numeric(host: str | None) -> bool:
    try:
        ipaddress.ip_address(host or "")
    except ValueError:
        return False
    return True
