"""One POST to one address: five seconds, no redirect followed, an answer of which only the beginning is read."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from service.hooks.addresses import Allowed, Target, resolve

TIMEOUT_S = 5.0
"""For everything: the name, the connection, the answer."""
MOST_BYTES = 16_384
"""Read of an answer at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a POST ended. ``error``: None where an answer came."""

    status: int | None
    body: bytes = b""
    error: str | None = None


async def post(target: Target, allowed: Allowed, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send once."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            address = await resolve(target, allowed)
            if address is None:
                return Answer(None, error="address_refused")
            return await _exchange(target, address, headers, body)
    except TimeoutError:
        return Answer(None, error="timeout")
    except ssl.SSLError:
        return Answer(None, error="tls")
    except (OSError, ValueError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
        return Answer(None, error="connection")


async def _exchange(target: Target, address: str, headers: Mapping[str, str], body: bytes) -> Answer:
    secure = {"ssl": _context(), "server_hostname": target.host} if target.secure else {}
    reader, writer = await asyncio.open_connection(address, target.port, limit=MOST_BYTES, **secure)  # type: ignore[arg-type]
    try:
        usual = 443 if target.secure else 80
        name = f"[{target.host}]" if ":" in target.host else target.host
        lines = [f"POST {target.path} HTTP/1.1", f"Host: {name}{'' if target.port == usual else f':{target.port}'}"]
        lines += [f"{key}: {value}" for key, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        writer.write("\r\n".join(lines).encode("ascii") + body)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        version, status = head.split(b"\r\n", 1)[0].split(b" ", 2)[:2]
        if not version.startswith(b"HTTP/1.") or not 100 <= int(status) <= 599:
            return Answer(None, error="no_http")
        return Answer(int(status), await _some(reader))
    finally:
        writer.close()


async def _some(reader: asyncio.StreamReader) -> bytes:
    """The beginning of a body; chunk marks stay in it."""
    got = b""
    while len(got) < MOST_BYTES and (more := await reader.read(MOST_BYTES - len(got))):
        got += more
    return got


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
