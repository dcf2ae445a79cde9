"""What a key looks like: ``yl_<prefix>.<secret>``.

The secret is 256 random bits, so that nobody finds it by trying and its plain SHA-256 is all that has to be kept: a
slow hash is for what people think up. Of the prefix nothing is secret; it is how a key is found and spoken of.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string

MARK = "yl_"
_ALPHABET = string.digits + string.ascii_letters
_PREFIX, _SECRET = 12, 43
"""Characters of base 62: 71 bits, and just above 256."""
_SHAPE = re.compile(rf"{MARK}([0-9A-Za-z]{{{_PREFIX}}})\.([0-9A-Za-z]{{{_SECRET}}})")

NOBODY = ("-", "-")
"""What a text that is no key is looked up as: it costs what a wrong key costs."""


def new_token() -> tuple[str, str]:
    """The prefix and the secret of a new key."""
    return _random(_PREFIX), _random(_SECRET)


def written(prefix: str, secret: str) -> str:
    """A key as it is handed out."""
    return f"{MARK}{prefix}.{secret}"


def parts(token: str | None) -> tuple[str, str]:
    """Prefix and secret of a key; :data:`NOBODY` where it is none."""
    found = _SHAPE.fullmatch(token or "")
    return (found[1], found[2]) if found else NOBODY


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(secret: str, kept: str) -> bool:
    """Whether a secret is the one of which ``kept`` is the digest; takes as long whatever the answer."""
    return hmac.compare_digest(digest(secret), kept)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
