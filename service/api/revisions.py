"""Revisions over HTTP: ``ETag`` says which one an answer shows, ``If-Match`` which one a change was thought for."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header, Request, Response

from service.api.described import parameter

IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=200, description=parameter("if_match"))]

_STRONG = re.compile(r'"?(\d{1,9})"?')


def tag(revision: int) -> str:
    """The entity tag of a revision."""
    return f'"{revision}"'


def expected(if_match: str | None) -> frozenset[int] | None:
    """The revisions a caller accepts; None for any. A tag that is none of ours accepts nothing."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = (_STRONG.fullmatch(part.strip()) for part in if_match.split(","))
    return frozenset(int(match[1]) for match in found if match)


def unchanged(request: Request, revision: int) -> Response | None:
    """The 304 for a caller whose copy is still right (``If-None-Match``)."""
    known = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if tag(revision) in known:
        return Response(status_code=304, headers={"ETag": tag(revision)})
    return None
