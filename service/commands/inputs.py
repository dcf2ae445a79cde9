"""What a command was given: text, files, standard input, ``name=value`` pairs."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from service.commands.words import word
from service.errors import InvalidRequest, UsageError

STDIN = "-"
MAX_BYTES = 10 * 1024 * 1024


def usage(name: str, /, **parameters: object) -> UsageError:
    """The error of a command that cannot be carried out as typed."""
    return UsageError(reason=word("usage", name, **parameters))


def one_line(error: InvalidRequest) -> UsageError:
    """A request's field errors as the one line of a command."""
    if error.errors and error.code == "invalid_request":
        first = error.errors[0]
        return usage("fields", pointer=first["pointer"], message=first["message"])
    return UsageError(reason=error.detail)


def read_bytes(path: str, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a file, or of standard input for ``-``.

    Raises:
        UsageError: it cannot be read, or is longer than ``limit``.
    """
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(limit + 1)
    except OSError as error:
        raise usage("file_unreadable", path=path, reason=error.strerror or type(error).__name__) from None
    if len(data) > limit:
        raise usage("file_too_big", path=path, limit=limit)
    return data


def text_of(text: str | None, file: str | None) -> str:
    """The one text of a command: an argument, a file, or standard input.

    Raises:
        UsageError: none or two given, not readable, not UTF-8.
    """
    if (text is None) == (file is None):
        raise usage("one_source")
    source = file if file is not None else text
    if file is None and text != STDIN:
        return str(text)
    try:
        return read_bytes(str(source)).decode("utf-8-sig").removesuffix("\n")
    except UnicodeDecodeError:
        raise usage("not_utf8", path=source) from None


def pairs(given: list[str]) -> dict[str, Any]:
    """``name=value`` arguments; values as JSON where they are JSON (numbers, true, null), else as text.

    Raises:
        UsageError: one is not of that form.
    """
    found: dict[str, Any] = {}
    for item in given:
        name, mark, value = item.partition("=")
        if not mark or not name.strip():
            raise usage("order_pair", given=item[:60])
        found[name.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    plain = value is None or (isinstance(value, (bool, int, float)) and math.isfinite(value))
    return value if plain else text


def order_of(given: list[str]) -> dict[str, Any]:
    """The order of ``--order`` arguments: its own fields by name, anything else under ``facts.``.

    Raises:
        UsageError: a field the order does not have.
    """
    from service.schemas import Order

    known = [name for name in Order.model_fields if name != "facts"]
    order: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for name, value in pairs(given).items():
        if name.startswith("facts.") and len(name) > len("facts."):
            facts[name.removeprefix("facts.")] = value
        elif name in known:
            order[name] = value
        else:
            raise usage("order_unknown", name=name[:40], known="、".join(known))
    return order | ({"facts": facts} if facts else {})


def shown(path: str) -> str:
    """A file as the team knows it: relative to the working folder where it lies inside."""
    try:
        return Path(path).resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path
