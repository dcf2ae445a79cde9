"""What is told to whoever is cut before an application sees a request: the same problem documents as everywhere."""

from __future__ import annotations

from service.api.edge import new_request_id
from service.api.problems import MEDIA_TYPE, RETRY_AFTER_S, problem_of
from service.errors import InvalidRequest, MalformedBody, Unavailable, YouliError
from service.limiting.numbers import Connections


def refusal(code: str, status: int, limits: Connections) -> YouliError:
    """What is told before there is a request to answer."""
    kinds: dict[int, type[YouliError]] = {400: MalformedBody, 503: Unavailable}
    kind = kinds.get(status, InvalidRequest)
    sizes = {"head_too_slow": limits.head_s, "url_too_long": limits.url_bytes}
    error = kind(code, limit=f"{sizes.get(code, limits.head_bytes):g}", headers=limits.headers)
    error.status = status
    return error


def raw(error: YouliError, first_line: bytes) -> bytes:
    """A whole answer that ends the connection."""
    name = new_request_id()
    body = problem_of(error, name).model_dump_json().encode()
    lines = [f"content-type: {MEDIA_TYPE}", f"content-length: {len(body)}", "connection: close"]
    lines += [f"x-request-id: {name}", "x-content-type-options: nosniff", "cache-control: no-store"]
    if error.status == 503:
        lines.append(f"retry-after: {RETRY_AFTER_S}")
    return first_line + "\r\n".join([*lines, "", ""]).encode() + body
