"""反馈: what became of drafts — a list of them, and what a person made of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from service import watching
from service.api.described import described, parameter, request_examples
from service.api.desk import desk_of
from service.api.drafts import ID, DraftId, ShopQuery, no_draft
from service.api.route import StrictRoute
from service.errors import Conflict, InvalidRequest, RulebookError, messages
from service.schemas import CheckRequest, Draft, DraftPage, DraftState, Feedback, FeedbackIn, Shop, Text
from service.schemas.base import Moment

if TYPE_CHECKING:
    from service.text.edits import Edit

router = APIRouter(route_class=StrictRoute)


Cursor = Annotated[
    str, Field(max_length=100, description=parameter("cursor"), json_schema_extra={"pattern": f"^{ID.pattern}$"})
]


class DraftQuery(BaseModel):
    """Which drafts of a shop are listed."""

    model_config = ConfigDict(extra="forbid")

    shop: Shop = Field(default="default", description=parameter("shop"))
    conversation: Annotated[Text, Field(max_length=128, description=parameter("conversation"))] | None = None
    state: Annotated[DraftState, Field(description=parameter("draft_state"))] | None = None
    since: Annotated[Moment, Field(description=parameter("since"))] | None = None
    limit: int = Field(default=50, ge=1, le=200, description=parameter("draft_limit"))
    cursor: Cursor | None = None


@router.get("/v1/drafts", response_model=DraftPage, **described("list_drafts", 404, 422, 503))
async def list_drafts(request: Request, query: Annotated[DraftQuery, Query()]) -> DraftPage:
    """Drafts of a shop, newest first."""
    from service.database.drafts import WantedDrafts

    if query.cursor is not None and not ID.fullmatch(query.cursor):
        raise _field("bad_cursor", "/query/cursor")
    wanted = WantedDrafts(query.conversation, query.state, query.since)
    return await desk_of(request).store.list_drafts(query.shop, wanted, query.limit, query.cursor)


@router.post(
    "/v1/drafts/{id}/feedback",
    response_model=Feedback,
    **described("give_feedback", 400, 404, 409, 413, 415, 422, 503),
)
async def give_feedback(
    request: Request,
    id: DraftId,
    given: Annotated[FeedbackIn, Body(openapi_examples=request_examples("give_feedback"))],
    shop: ShopQuery = "default",
) -> Feedback:
    """Write down what a person made of a draft; what was sent is checked again against the draft's own case."""
    from service.drafting import check_text

    desk = desk_of(request)
    stored = await desk.store.get_draft(id, shop) if ID.fullmatch(id) else None
    if stored is None:
        raise no_draft(id)
    sent = _sent(given, stored[0])
    if sent is None:
        kept = await desk.store.give_feedback(id, shop, given, None, [])
    else:
        check = CheckRequest(text=sent, draft=id, shop=shop)
        result = await run_in_threadpool(check_text, desk.rulebook, check, stored)
        edit = await run_in_threadpool(_edit, desk.settings.knowledge_dir, stored[0], sent)
        kept = await desk.store.give_feedback(id, shop, given, result.passed, result.findings, edit)
    watching.count("youli_feedback_total", given.action)
    watching.note(draft=id, action=given.action)
    return kept


def _edit(knowledge: Path, draft: Draft, sent: str) -> Edit | None:
    """What became of the steps that are nearest to what was sent: the reply's, or the variant's that was taken."""
    from service.insight.scales import scales
    from service.text.edits import edit_of

    taken = next((variant for variant in draft.variants if variant.reply.strip() == sent.strip()), None)
    try:
        alike = scales(knowledge).edits.alike
    except RulebookError:  # a slip in the file of measures costs a number, not somebody's feedback
        return None
    return edit_of([(step.step, step.text) for step in (taken or draft).steps], sent, alike)


def _sent(given: FeedbackIn, draft: Draft) -> str | None:
    """The text that went to the customer; None where none is told.

    Raises:
        InvalidRequest: ``final_text_missing``; ``adopted_but_changed``.
        Conflict: ``nothing_to_adopt`` — no safe draft could be written.
    """
    told = (given.final_text or "").strip()
    if given.action == "adopted":
        if not draft.reply:
            raise Conflict("nothing_to_adopt", id=draft.id)
        offered = (draft.reply, *(variant.reply for variant in draft.variants))
        chosen = next((reply for reply in offered if not told or reply.strip() == told), None)
        if chosen is None:
            raise _field("adopted_but_changed", "/final_text")
        return chosen
    if given.action == "edited" and not told:
        raise _field("final_text_missing", "/final_text")
    return given.final_text if told else None


def _field(code: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(code, errors=[{"pointer": pointer, "message": messages()[code]["detail"]}])
