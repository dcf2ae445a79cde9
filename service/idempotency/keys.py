"""Which requests are the same one: the key's form, whose it is, and the digest of what is asked for."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.acting import ANY_SHOP, Acting
from service.errors import InvalidRequest, messages

HEADER = "Idempotency-Key"
PATTERN = r"^[\x20-\x7E]{1,255}$"
"""Up to 255 printable ASCII characters."""

_FORM = re.compile(PATTERN)


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form: a text, or the bytes of a file."""

    name: str
    value: bytes
    filename: str | None = None


def read_key(given: Sequence[str]) -> str:
    """The key, from every header of its name.

    Raises:
        InvalidRequest: ``idempotency_key_invalid`` — more than one, empty, too long, or not printable ASCII.
    """
    if len(given) != 1 or not _FORM.fullmatch(given[0]):
        code = "idempotency_key_invalid"
        raise InvalidRequest(code, errors=[{"pointer": f"/header/{HEADER}", "message": messages()[code]["detail"]}])
    return given[0]


def scope_of(who: Acting, shop: str, operation: str, key: str) -> str:
    """The id of a key: another caller's, another shop's or another operation's key of the same name is another one."""
    return _sha256(json.dumps([who.key, shop, operation, key]).encode())


def shop_asked(who: Acting, query: str | None, body: object) -> str:
    """The shop a request is about: the caller's own, or the one the request names.

    Args:
        who: the caller.
        query: the ``shop`` of the query.
        body: the value of the body, or the fields of its form.
    """
    if who.shop != ANY_SHOP:
        return who.shop
    named: Any = query
    if named is None and isinstance(body, dict):
        inner = body.get("youli")  # the OpenAI door keeps the case there
        named = body.get("shop") or (inner.get("shop") if isinstance(inner, dict) else None)
    return named[:64] if isinstance(named, str) and named else "default"


def digest_json(value: object) -> str:
    """Of a JSON value: spaces and the order of keys do not matter."""
    return _sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def digest_form(parts: Sequence[Part]) -> str:
    """Of a form: the boundary, which a client draws anew each time, does not matter."""
    told = [[part.name, part.filename, _sha256(part.value)] for part in parts]
    return _sha256(json.dumps(told).encode())


def digest_request(
    method: str, path: str, query: Sequence[tuple[str, str]], media: str, condition: str, body: str
) -> str:
    """Of all a request asks for.

    Args:
        method: of the request.
        path: of the request.
        query: keys and values; their order does not matter.
        media: the content type without its parameters.
        condition: ``If-Match``: on another condition it is another request.
        body: the body's digest.
    """
    return _sha256(json.dumps([method, path, sorted(query), media, condition, body]).encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
