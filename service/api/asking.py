"""What a request with a key asks for: its digest, whose it is, which draft or document it is about."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import FormData, UploadFile

from service.acting import acting
from service.api.forms import read_form
from service.idempotency.keys import Part, digest_form, digest_json, digest_request, scope_of, shop_asked

if TYPE_CHECKING:
    from service.database.claims import Ask

_DRAFT = re.compile(r"dft_[0-9A-Za-z]{1,60}")
_DRAFTS, _DOCUMENTS = "/v1/drafts/", "/v1/knowledge/documents"
_LONGEST = 200
"""Characters of the longest name a document can have: PostgreSQL keeps the columns to it."""


async def form_of(request: Request) -> FormData | None:
    """The form of a request that is one; see :func:`service.api.forms.read_form`."""
    return await read_form(request) if _media(request) == "multipart/form-data" else None


async def ask_of(route: APIRoute, request: Request, key: str, form: FormData | None) -> Ask:
    """What is asked for, and whose key it is."""
    from service.database.claims import Ask

    value: Any = None
    if form is not None:
        body = digest_form([await _part(name, field) for name, field in form.multi_items()])
        value = {name: field for name, field in form.multi_items() if isinstance(field, str)}
    else:
        value = await request.json() if await request.body() else None
        body = digest_json(value)
    who, operation = acting(), route.operation_id or route.name
    shop = shop_asked(who, request.query_params.get("shop"), value)
    condition = request.headers.get("if-match", "")
    query = request.query_params.multi_items()
    digest = digest_request("POST", request.url.path, query, _media(request), condition, body)
    about = request.path_params.get("id")
    return Ask(
        id=scope_of(who, shop, operation, key),
        shop=shop,
        caller=who.key,
        operation=operation,
        digest=digest,
        draft_id=_draft_named(request.url.path, about, value),
        document_id=_document_named(request.url.path, about),
    )


async def _part(name: str, field: UploadFile | str) -> Part:
    if isinstance(field, str):
        return Part(name, field.encode("utf-8", "surrogatepass"))
    data = await field.read()
    await field.seek(0)
    return Part(name, data, field.filename or "")


def _draft_named(path: str, about: object, value: object) -> str | None:
    """The draft a request is about: the path's, or the one its body names."""
    named = about if path.startswith(_DRAFTS) else value.get("draft") if isinstance(value, dict) else None
    return named if isinstance(named, str) and _DRAFT.fullmatch(named) else None


def _document_named(path: str, about: object) -> str | None:
    """The document the path is about; a longer name than any has is nobody's."""
    named = path.startswith(_DOCUMENTS) and isinstance(about, str) and len(about) <= _LONGEST
    return str(about) if named else None


def document_made(request: Request, status: int, body: bytes | None) -> str | None:
    """The document an upload made."""
    if request.url.path != _DOCUMENTS or status >= 300 or not body:
        return None
    return str(json.loads(body).get("id", ""))[:_LONGEST] or None


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()
