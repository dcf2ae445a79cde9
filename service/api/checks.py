"""检查: what a text says that it must not."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request
from starlette.concurrency import run_in_threadpool

from service import watching
from service.api.described import described, request_examples
from service.api.desk import desk_of
from service.api.route import StrictRoute
from service.database.deeds import check_made
from service.errors import NotFound, YouliError
from service.schemas import BatchRequest, BatchResult, CheckRequest, CheckResult, Draft, Inquiry

router = APIRouter(route_class=StrictRoute)


@router.post("/v1/checks", response_model=CheckResult, **described("create_check", 400, 404, 413, 415, 422, 503))
async def create_check(
    request: Request, check: Annotated[CheckRequest, Body(openapi_examples=request_examples("create_check"))]
) -> CheckResult:
    """Check a text; a stored draft supplies what the text was written for."""
    from service.drafting import check_text

    desk = desk_of(request)
    stored = None
    if check.draft is not None:
        stored = await desk.store.get_draft(check.draft, check.shop)
        if stored is None:
            raise NotFound("draft_not_found", id=check.draft)
    result = await run_in_threadpool(check_text, desk.rulebook, check, stored)
    if check.draft is not None:
        await desk.library.database.note([check_made(check.draft, check.shop, check.text, result)])
    _count(result)
    return result


@router.post("/v1/checks/batch", response_model=BatchResult, **described("create_checks", 400, 404, 413, 415, 422, 503))
async def create_checks(
    request: Request, batch: Annotated[BatchRequest, Body(openapi_examples=request_examples("create_checks"))]
) -> BatchResult:
    """Check many texts; an item that cannot be checked says why and spoils no other."""
    from service.batch import check_items, read_items
    from service.checking import Checker

    desk = desk_of(request)
    items: list[CheckRequest | YouliError] = list(read_items(batch.items))
    stored: dict[tuple[str, str], tuple[Draft, Inquiry] | None] = {}
    for place, item in enumerate(items):
        if not isinstance(item, CheckRequest) or item.draft is None:
            continue
        key = (item.shop, item.draft)
        if key not in stored:
            stored[key] = await desk.store.get_draft(item.draft, item.shop)
        if stored[key] is None:
            items[place] = NotFound("draft_not_found", id=item.draft)
    result = await run_in_threadpool(check_items, Checker(desk.rulebook), items, stored)
    named = [
        check_made(item.draft, item.shop, item.text, done.result)
        for item, done in zip(items, result.items, strict=True)
        if isinstance(item, CheckRequest) and item.draft is not None and done.result is not None
    ]
    if named:
        await desk.library.database.note(named)
    for one in result.items:
        if one.result is not None:
            _count(one.result)
    return result


def _count(result: CheckResult) -> None:
    watching.count("youli_checks_total", "yes" if result.passed else "no")
    watching.found("check", ((one.category, one.severity) for one in result.findings))
