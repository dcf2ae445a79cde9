"""文档: uploading, listing, reading, replacing and retiring them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args
from urllib.parse import quote

from fastapi import APIRouter, Form, Path, Query, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.convertors import PathConvertor, register_url_convertor

from service.api.described import described, parameter
from service.api.desk import desk_of
from service.api.limits import FILE_BYTES, UPLOAD_PATH
from service.api.revisions import IfMatch, expected, tag, unchanged
from service.api.route import StrictRoute
from service.database.history import Wanted
from service.database.publishing import Signed
from service.errors import BodyTooLarge
from service.room import need_room
from service.schemas import (
    AUTHORITY_OF,
    Authority,
    DocumentInfo,
    DocumentIngested,
    DocumentKind,
    DocumentPage,
    DocumentState,
    Shop,
    Source,
    State,
    Text,
)
from service.schemas.base import Moment

router = APIRouter(route_class=StrictRoute)

_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_MAX_NAME = 120

ONE = f"{UPLOAD_PATH}/{{id:path}}"
"""Begins the paths of what belongs to a document. An id may hold ``/``."""


class _Alone(PathConvertor):
    """An id up to the end of the path, where that is not the path of something that belongs to a document."""

    regex = r"(?!.*/(?:diff|publish|rollback|versions(?:/[^/]+)?|held(?:/[^/]+/release)?)$).*"


register_url_convertor("document", _Alone())
ALONE = f"{UPLOAD_PATH}/{{id:document}}"
"""A document's own path."""

DocumentId = Annotated[str, Path(max_length=200, description=parameter("document"))]
ShopQuery = Annotated[Shop, Query(description=parameter("shop"))]
AuthorText = Annotated[Text, Field(max_length=128, description=parameter("author"))]
NoteText = Annotated[Text, Field(max_length=500, description=parameter("note"))]


def _no_higher() -> Iterator[JsonValue]:
    """Which authorities a kind may have: none above its own."""
    force = get_args(Authority)
    for kind, own in AUTHORITY_OF.items():
        if higher := force[: force.index(own)]:
            given: JsonValue = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
            yield {"if": given, "then": {"properties": {"authority": {"not": {"enum": [*higher]}}}}}


class VersionForm(BaseModel):
    """The form of a new version; what is not given stays as it was. An unknown field is an error."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"allOf": [*_no_higher()]})

    file: UploadFile = Field(description=parameter("file"))
    kind: Annotated[DocumentKind, Field(description=parameter("kind"))] | None = None
    title: Annotated[Text, Field(max_length=120, description=parameter("title"))] | None = None
    authority: Annotated[Authority, Field(description=parameter("authority"))] | None = None
    platform: Annotated[Text, Field(max_length=60, description=parameter("platform"))] | None = None
    category: Annotated[Text, Field(max_length=60, description=parameter("category"))] | None = None
    effective_from: Annotated[Moment, Field(description=parameter("effective_from"))] | None = None
    effective_to: Annotated[Moment, Field(description=parameter("effective_to"))] | None = None
    author: AuthorText | None = None
    note: NoteText | None = None
    publish: bool = Field(default=False, description=parameter("publish"))


class UploadForm(VersionForm):
    """The form of a new document."""

    kind: DocumentKind = Field(description=parameter("kind"))
    shop: Shop = Field(default="default", description=parameter("shop"))


class ListQuery(BaseModel):
    """Which documents of a shop are listed."""

    model_config = ConfigDict(extra="forbid")

    shop: Shop = Field(default="default", description=parameter("shop"))
    kind: Annotated[DocumentKind, Field(description=parameter("kind"))] | None = None
    state: Annotated[State, Field(description=parameter("state"))] | None = None
    source: Annotated[Source, Field(description=parameter("source"))] | None = None
    platform: Annotated[Text, Field(max_length=60, description=parameter("platform"))] | None = None
    category: Annotated[Text, Field(max_length=60, description=parameter("category"))] | None = None
    q: Annotated[Text, Field(min_length=1, max_length=120, description=parameter("q"))] | None = None
    limit: int = Field(default=50, ge=1, le=200, description=parameter("limit"))
    offset: int = Field(default=0, ge=0, le=1_000_000, description=parameter("offset"))


@router.post(
    UPLOAD_PATH,
    response_model=DocumentIngested,
    **described("add_document", 400, 404, 409, 413, 415, 422, 503, success=201),
)
async def add_document(
    request: Request,
    response: Response,
    form: Annotated[UploadForm, Form(media_type="multipart/form-data")],
) -> DocumentIngested:
    """Take a document in; it is searched once it is published."""
    done = await _taken(request, form)
    response.headers["ETag"] = tag(done.revision)
    response.headers["Location"] = location_of(done.id, form.shop)
    return done


@router.get(UPLOAD_PATH, response_model=DocumentPage, **described("list_documents", 404, 422, 503))
async def list_documents(request: Request, query: Annotated[ListQuery, Query()]) -> DocumentPage:
    """Documents this shop sees, by id."""
    wanted = Wanted(
        query.kind, query.state, query.source, platform=query.platform, category=query.category, text=query.q
    )
    return await desk_of(request).library.history.documents(query.shop, wanted, query.limit, query.offset)


@router.get(ALONE, response_model=DocumentInfo, **described("get_document", 404, 422, 503))
async def get_document(
    request: Request, response: Response, id: DocumentId, shop: ShopQuery = "default"
) -> DocumentInfo | Response:
    """One document, live or not."""
    found = await desk_of(request).library.history.document(id, shop)
    response.headers["ETag"] = tag(found.revision)
    return unchanged(request, found.revision) or found


@router.put(
    ALONE,
    response_model=DocumentIngested,
    **described("replace_document", 400, 404, 409, 412, 413, 415, 422, 503),
)
async def replace_document(
    request: Request,
    response: Response,
    id: DocumentId,
    form: Annotated[VersionForm, Form(media_type="multipart/form-data")],
    shop: ShopQuery = "default",
    if_match: IfMatch = None,
) -> DocumentIngested:
    """Take a new version of a document in."""
    done = await _taken(request, form, shop=shop, document_id=id, expected=expected(if_match))
    response.headers["ETag"] = tag(done.revision)
    return done


@router.delete(ALONE, response_model=DocumentState, **described("retire_document", 404, 409, 412, 422, 503))
async def retire_document(
    request: Request,
    response: Response,
    id: DocumentId,
    shop: ShopQuery = "default",
    author: Annotated[AuthorText | None, Query()] = None,
    note: Annotated[NoteText | None, Query()] = None,
    if_match: IfMatch = None,
) -> DocumentState:
    """Take a document out of what is published; its versions stay."""
    left = await desk_of(request).library.retire(id, shop, expected=expected(if_match), signed=Signed(author, note))
    response.headers["ETag"] = tag(left.revision)
    return left


async def _taken(request: Request, form: VersionForm, **more: Any) -> DocumentIngested:
    need_room(desk_of(request).settings)
    data = await form.file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise BodyTooLarge(limit=FILE_BYTES)
    labels = form.model_dump(exclude={"file"})
    return await desk_of(request).library.add(shown_name(form.file.filename or ""), data, **labels, **more)


def location_of(document_id: str, shop: str) -> str:
    """Where a document is fetched."""
    return f"{UPLOAD_PATH}/{quote(document_id)}" + ("" if shop == "default" else f"?shop={shop}")


def shown_name(name: str) -> str:
    """A file name as a name to show: never a path, no control or direction marks, of sane length."""
    last = re.split(r"[/\\]", _UNSHOWABLE.sub("", name))[-1].strip(" .")
    stem, dot, suffix = last.rpartition(".")
    if not dot:
        return last[:_MAX_NAME]
    return f"{stem[:_MAX_NAME]}.{suffix[:10]}"
