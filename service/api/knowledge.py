"""知识库: searching what is published."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request
from starlette.concurrency import run_in_threadpool

from service.api.described import described, request_examples
from service.api.desk import desk_of
<<<<<<< HEAD
from service.api.route import StrictRoute
from service.schemas import SearchRequest, SearchResult

router = APIRouter(route_class=StrictRoute)

=======
from service.api.limits import FILE_BYTES, too_large
from service.api.route import StrictRoute
from service.schemas import Authority, DocumentIngested, DocumentKind, SearchRequest, SearchResult, Shop, Text

router = APIRouter(route_class=StrictRoute)

_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_MAX_NAME = 120


class UploadForm(BaseModel):
    """The form of an upload; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")

    file: UploadFile = Field(description=parameter("file"))
    kind: DocumentKind = Field(description=parameter("kind"))
    title: Annotated[Text, Field(max_length=120, description=parameter("title"))] | None = None
    authority: Annotated[Authority, Field(description=parameter("authority"))] | None = None
    platform: Annotated[Text, Field(max_length=60, description=parameter("platform"))] | None = None
    category: Annotated[Text, Field(max_length=60, description=parameter("category"))] | None = None
    shop: Shop = Field(default="default", description=parameter("shop"))
    effective_from: Annotated[datetime, Field(description=parameter("effective_from"))] | None = None
    effective_to: Annotated[datetime, Field(description=parameter("effective_to"))] | None = None
    note: Annotated[Text, Field(max_length=500, description=parameter("note"))] | None = None
    publish: bool = Field(default=False, description=parameter("publish"))


@router.post(
    "/v1/knowledge/documents",
    response_model=DocumentIngested,
    **described("add_document", 400, 409, 413, 415, 422, 503, success=201),
)
async def add_document(
    request: Request, form: Annotated[UploadForm, Form(media_type="multipart/form-data")]
) -> DocumentIngested:
    """Take a document in; it is searched once it is published."""
    data = await form.file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise too_large(FILE_BYTES)
    return await desk_of(request).library.add(
        shown_name(form.file.filename or ""),
        data,
        **form.model_dump(exclude={"file"}),
    )

>>>>>>> 18f1809 (html, docx and pdf are read in a child process with limits; hidden text is kept and held; what was dropped is listed)

@router.post("/v1/knowledge/search", response_model=SearchResult, **described("search_knowledge", 400, 413, 415, 422))
async def search_knowledge(
    request: Request, search: Annotated[SearchRequest, Body(openapi_examples=request_examples("search_knowledge"))]
) -> SearchResult:
    """Search the published passages."""
    passages = await run_in_threadpool(desk_of(request).library.search, search)
    return SearchResult(passages=passages)
