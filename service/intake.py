"""Reading what callers send: JSON taken strictly, and pydantic's complaints said in Chinese.

Both doors use it, the HTTP one and the command line. The sentences stand in ``intake.zh.yaml``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from service.errors import InvalidRequest, MalformedBody, messages

M = TypeVar("M", bound=BaseModel)

MAX_DEPTH = 32
"""Levels of nesting a body may have: the contract needs five, a shop's facts a few more."""

MAX_MARKS = 100_000
"""Commas and opening brackets a body may have, those in texts too: a bound for its values that costs no parsing.

A megabyte of nothing but brackets would hold everybody up for a tenth of a second.
"""

MAX_ERRORS = 20
"""Field errors named in one problem; the rest would only repeat them."""

_WORDS = Path(__file__).with_name("intake.zh.yaml")
_CODES = ("messages_empty", "last_not_customer", "variants_streamed", "erasure_whose")


@cache
def _words() -> dict[str, Any]:
    with _WORDS.open(encoding="utf-8") as file:
        loaded: dict[str, Any] = yaml.load(file, Loader=yaml.CBaseLoader)
    return loaded


def malformed(reason: str, **parameters: object) -> MalformedBody:
    """The problem of a body nobody can read; ``reason`` is a key of ``body`` in the word file."""
    text = _words()["body"][reason].format_map({k: str(v) for k, v in parameters.items()})
    return MalformedBody(reason=text)


def read_json(body: bytes) -> Any:
    """The value of a JSON text, taken more strictly than the standard library does.

    Raises:
        MalformedBody: empty, not UTF-8, broken syntax, ``NaN`` or an infinite number, a key twice in one
            object, more values than :data:`MAX_MARKS` allow, deeper than :data:`MAX_DEPTH`.
    """
    if not body.strip():
        raise malformed("empty")
    if len(body) > MAX_MARKS and sum(map(body.count, (b",", b"[", b"{"))) > MAX_MARKS:
        raise malformed("too_many", limit=MAX_MARKS)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise malformed("not_utf8", position=error.start + 1) from None
    try:
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise malformed("not_json", line=error.lineno, column=error.colno) from None
    except RecursionError:
        raise malformed("too_deep", limit=MAX_DEPTH) from None
    except ValueError:  # an integer of thousands of digits
        raise malformed("number") from None
    _look_through(value)
    return value


def _no_constant(_name: str) -> float:
    raise malformed("number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                shown = key[:40].encode("utf-8", "replace").decode()
                raise malformed("duplicate", key=shown)
            seen.add(key)
    return built


def _look_through(value: Any) -> None:
    """Refuse what ``json.loads`` lets pass: numbers that overflow to infinity, and needless depth."""
    level, depth = [value], 0
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, (dict, list)):
                if depth == MAX_DEPTH:
                    raise malformed("too_deep", limit=MAX_DEPTH)
                below.extend(item.values() if isinstance(item, dict) else item)
            elif isinstance(item, float) and not math.isfinite(item):
                raise malformed("number")
        level, depth = below, depth + 1


def read_model(shape: type[M], value: Any) -> M:
    """``value`` as ``shape``.

    Raises:
        InvalidRequest: with a pointer and a Chinese sentence for each field that does not fit.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False)) from None


def invalid(errors: Iterable[Mapping[str, Any]]) -> InvalidRequest:
    """The problem of fields that do not fit, from pydantic's list of errors.

    An error of ``schemas.Inquiry`` that names a message code becomes that problem. What the caller wrote is
    never repeated: it may hold a buyer's words.
    """
    listed = list(errors)
    for error in listed:
        said = _own_words(error)
        if said in _CODES:
            return InvalidRequest(said, errors=[{"pointer": "/messages", "message": messages()[said]["detail"]}])
    return InvalidRequest(errors=[{"pointer": pointer(e["loc"]), "message": sentence(e)} for e in listed[:MAX_ERRORS]])


def pointer(location: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901) into the body; query, path and header parameters keep their kind in front."""
    parts = list(location)
    if parts and parts[0] == "body":
        parts = parts[1:]
    return "".join("/" + _printable(str(part)).replace("~", "~0").replace("/", "~1") for part in parts)


def _printable(key: str) -> str:
    """A key as it may be sent back: short, and encodable."""
    return key[:100].encode("utf-8", "replace").decode()


def sentence(error: Mapping[str, Any]) -> str:
    """What is wrong with one field, in Chinese."""
    fields, kind = _words()["fields"], str(error["type"])
    own = _words()["values"].get(_own_words(error))
    if own is not None:
        return str(own)
    context = {k: str(v) for k, v in (error.get("ctx") or {}).items()}
    keys = (f"{kind}:{context.get('field_type')}", kind, kind.split("_")[0], "other")
    text = next(fields[key] for key in keys if key in fields)
    if "expected" in context:
        context["expected"] = context["expected"].replace(" or ", ", ").replace(", ", _words()["expected_or"])
    try:
        return str(text).format_map(context)
    except KeyError:  # pydantic told less than the sentence wants
        return str(fields["other"])


def _own_words(error: Mapping[str, Any]) -> str:
    """The message of a ``ValueError`` one of our validators raised, else nothing."""
    raised = (error.get("ctx") or {}).get("error")
    return str(raised) if isinstance(raised, Exception | str) else ""
