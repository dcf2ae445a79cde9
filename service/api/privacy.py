"""隐私: personal data found and masked. The text is neither kept nor logged."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from starlette.concurrency import run_in_threadpool

from service.api.described import described, request_examples
from service.api.route import StrictRoute
from service.schemas import MaskRequest, MaskResult
from service.text.private import Masker

router = APIRouter(route_class=StrictRoute)


@router.post("/v1/privacy/mask", response_model=MaskResult, **described("mask_text", 400, 413, 415, 422))
async def mask_text(
    mask: Annotated[MaskRequest, Body(openapi_examples=request_examples("mask_text"))],
) -> MaskResult:
    """Mask a text; aliases are stable within this one call."""
    return await run_in_threadpool(Masker().mask, mask.text)
