"""Addresses of reports that open for a while without a key: for a browser, which sends no header."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

_NUMBER = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Link:
    """One report, in one format, for one shop, until a time in seconds since 1970."""

    run: str
    shop: str
    format: str
    expires: int

    def signed(self, secret: bytes) -> str:
        """The signature, in hexadecimal."""
        said = "\n".join(("report", self.run, self.shop, self.format, str(self.expires)))
        return hmac.digest(secret, said.encode("utf-8", "replace"), hashlib.sha256).hex()


def opened(secret: bytes, link: Link, signature: str, now: float) -> bool:
    """Whether a signature is this link's and the time is not over; takes as long whatever is wrong."""
    right = hmac.compare_digest(link.signed(secret).encode(), signature.encode("utf-8", "replace"))
    return right and now < link.expires


def read_expiry(text: str) -> int:
    """The time of a link; 0, long past, where it is none."""
    return int(text) if _NUMBER.fullmatch(text) else 0
