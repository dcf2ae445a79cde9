"""Ids that sort by time: a prefix, 48 bits of milliseconds, 80 of chance, in Crockford's base 32."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id(prefix: str) -> str:
    """``dft_`` and 26 characters."""
    number = int(time.time() * 1000) << 80 | secrets.randbits(80)
    return f"{prefix}_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
