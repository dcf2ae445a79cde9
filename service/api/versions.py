"""版本: what a document was and is, what two versions differ in, which one is live, which sentences are held."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request, Response

from service.api.described import described, parameter, request_examples
from service.api.desk import desk_of
from service.api.documents import ONE, AuthorText, DocumentId, NoteText, ShopQuery
from service.api.revisions import IfMatch, expected, tag
from service.api.route import StrictRoute
from service.database.publishing import Signed
from service.schemas import (
    DocumentState,
    HeldList,
    SignedIn,
    VersionDiff,
    VersionIn,
    VersionList,
    VersionNumber,
    VersionWhole,
)

router = APIRouter(route_class=StrictRoute)

_NO_VERSION, _UNSIGNED = VersionIn(), SignedIn()
CHANGES = (400, 404, 409, 412, 413, 415, 422, 503)

Number = Annotated[VersionNumber, Path(description=parameter("version_number"))]
Which = Annotated[VersionNumber | None, Query(description=parameter("held_version"))]
Nth = Annotated[int, Path(ge=1, le=1_000_000, description=parameter("held_n"))]


@router.get(f"{ONE}/versions", response_model=VersionList, **described("list_versions", 404, 422, 503))
async def list_versions(request: Request, id: DocumentId, shop: ShopQuery = "default") -> VersionList:
    """A document's versions and changes, oldest first."""
    return await desk_of(request).library.history.versions(id, shop)


@router.get(f"{ONE}/versions/{{n}}", response_model=VersionWhole, **described("get_version", 404, 422, 503))
async def get_version(request: Request, id: DocumentId, n: Number, shop: ShopQuery = "default") -> VersionWhole:
    """A version as it was understood."""
    return await desk_of(request).library.history.version(id, n, shop)


@router.get(f"{ONE}/diff", response_model=VersionDiff, **described("diff_versions", 404, 422, 503))
async def diff_versions(
    request: Request,
    id: DocumentId,
    older: Annotated[VersionNumber | None, Query(alias="from", description=parameter("diff_from"))] = None,
    newer: Annotated[VersionNumber | None, Query(alias="to", description=parameter("diff_to"))] = None,
    shop: ShopQuery = "default",
) -> VersionDiff:
    """What two versions differ in."""
    return await desk_of(request).library.history.diff(id, older, newer, shop)


@router.post(f"{ONE}/publish", response_model=DocumentState, **described("publish_document", *CHANGES))
async def publish_document(
    request: Request,
    response: Response,
    id: DocumentId,
    asked: Annotated[VersionIn, Body(openapi_examples=request_examples("publish_document"))] = _NO_VERSION,
    shop: ShopQuery = "default",
    if_match: IfMatch = None,
) -> DocumentState:
    """Make a version the live one."""
    library = desk_of(request).library
    left = await library.publish(id, asked.version, shop, expected=expected(if_match), signed=signed(asked))
    response.headers["ETag"] = tag(left.revision)
    return left


@router.post(f"{ONE}/rollback", response_model=DocumentState, **described("rollback_document", *CHANGES))
async def rollback_document(
    request: Request,
    response: Response,
    id: DocumentId,
    asked: Annotated[VersionIn, Body(openapi_examples=request_examples("rollback_document"))] = _NO_VERSION,
    shop: ShopQuery = "default",
    if_match: IfMatch = None,
) -> DocumentState:
    """Go back to the version that was live before."""
    library = desk_of(request).library
    left = await library.rollback(id, asked.version, shop, expected=expected(if_match), signed=signed(asked))
    response.headers["ETag"] = tag(left.revision)
    return left


@router.get(f"{ONE}/held", response_model=HeldList, **described("list_held", 404, 422, 503))
async def list_held(request: Request, id: DocumentId, version: Which = None, shop: ShopQuery = "default") -> HeldList:
    """The held sentences of a version."""
    return await desk_of(request).library.history.held(id, version, shop)


@router.post(f"{ONE}/held/{{n}}/release", response_model=DocumentState, **described("release_sentence", *CHANGES))
async def release_sentence(
    request: Request,
    response: Response,
    id: DocumentId,
    n: Nth,
    asked: Annotated[SignedIn, Body(openapi_examples=request_examples("release_sentence"))] = _UNSIGNED,
    version: Which = None,
    shop: ShopQuery = "default",
    if_match: IfMatch = None,
) -> DocumentState:
    """Let a held sentence through."""
    library = desk_of(request).library
    left = await library.release(id, n, version, shop, expected=expected(if_match), signed=signed(asked))
    response.headers["ETag"] = tag(left.revision)
    return left


@router.delete(
    f"{ONE}/held/{{n}}/release", response_model=DocumentState, **described("hold_sentence", 404, 409, 412, 422, 503)
)
async def hold_sentence(
    request: Request,
    response: Response,
    id: DocumentId,
    n: Nth,
    version: Which = None,
    author: Annotated[AuthorText | None, Query()] = None,
    note: Annotated[NoteText | None, Query()] = None,
    shop: ShopQuery = "default",
    if_match: IfMatch = None,
) -> DocumentState:
    """Take a release back."""
    library = desk_of(request).library
    by = signed(SignedIn(author=author, note=note))
    left = await library.release(id, n, version, shop, expected=expected(if_match), signed=by, hold=True)
    response.headers["ETag"] = tag(left.revision)
    return left


def signed(asked: SignedIn) -> Signed:
    """Who makes a change, as the library takes it."""
    return Signed(asked.author, asked.note)
