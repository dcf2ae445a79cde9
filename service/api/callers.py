"""Whose word about a request is taken: its trace context counts only when it comes over a machine we trust.

A trace id from a stranger would let anybody write into our traces and, by its flag, have everything recorded. So it is
taken from this machine and from ``YOULI_TRUSTED_PROXIES`` only; a proxy that faces strangers should drop the header.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

from starlette.types import Scope

from service import watching
from service.api.proxies import networks
from service.watching import NO_SPAN, Span

_CONTEXT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.DOTALL)
_MOST = 200


class Callers:
    """The machines that are believed.

    Args:
        trusted: addresses and networks, comma-separated; this machine is always among them.

    Raises:
        EnvironmentProblem: one is neither.
    """

    def __init__(self, trusted: str) -> None:
        self._networks = networks(trusted)
        self.believed = lru_cache(maxsize=1024)(self._believed)

    def _believed(self, host: str) -> bool:
        """Whether a request that comes from this address is believed."""
        try:
            address = ip_address(host)
        except ValueError:  # no address: a socket file, or a test
            return False
        return address.is_loopback or any(address in network for network in self._networks)

    def context(self, scope: Scope, traceparent: str) -> Span:
        """The caller's span (W3C Trace Context), or none of ours to hang on."""
        if not traceparent or len(traceparent) > _MOST:
            return NO_SPAN
        found = _CONTEXT.fullmatch(traceparent)
        client = scope.get("client")
        if found is None or traceparent.startswith("ff") or client is None or not self.believed(client[0]):
            return NO_SPAN
        trace, span, flags = found.groups()
        if not int(trace, 16) or not int(span, 16) or (traceparent.startswith("00") and len(traceparent) != 55):
            return NO_SPAN
        return watching.caller(trace, span, bool(int(flags, 16) & 1))
