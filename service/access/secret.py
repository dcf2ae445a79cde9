"""What the service signs and seals with: ``YOULI_SECRET``, or one of its own that all its processes share."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from service.database.keys import own_secret
from service.database.session import Database
from service.settings import Settings

_NAME = "own"


async def secret_for(settings: Settings, database: Database, purpose: str) -> bytes:
    """32 bytes for one purpose; those of another say nothing about them.

    Args:
        settings: may hold a secret; then nothing is kept in the database.
        database: keeps one, made at first need, where none is set.
        purpose: a short name, such as ``report``.
    """
    given = settings.secret.get_secret_value() if settings.secret is not None else ""
    root = given or await own_secret(database, _NAME, secrets.token_urlsafe(48))
    return hmac.digest(root.encode(), f"youli {purpose}".encode(), hashlib.sha256)
