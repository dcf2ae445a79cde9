"""Drafts asked from a service at some address, for ``--against``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from evals.playing import Drafting
from service.errors import Unavailable, UsageError, told_by
from service.schemas import Draft, Inquiry

TIMEOUT_S = 60.0
"""Longest a draft may take: several times what a service is allowed."""


@asynccontextmanager
async def asking(url: str, key: str | None = None) -> AsyncIterator[Drafting]:
    """Drafting at an address; it is asked once whether anybody is there.

    Raises:
        UsageError: ``target_unreachable``, ``target_no_youli``, ``target_key_refused``.
    """
    import httpx2

    base = url.rstrip("/")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    limits = httpx2.Limits(max_connections=64)
    async with httpx2.AsyncClient(headers=headers, timeout=TIMEOUT_S, limits=limits, trust_env=False) as client:
        try:
            answer = await client.get(f"{base}/healthz")
            known = await client.get(f"{base}/version")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise UsageError("target_unreachable", url=url, reason=type(error).__name__) from None
        if answer.status_code != 200:
            raise UsageError("target_no_youli", url=url, status=answer.status_code)
        if known.status_code == 401:  # now, and not once a case
            raise UsageError("target_key_refused", url=url)

        async def drafting(inquiry: Inquiry) -> Draft:
            try:
                answer = await client.post(f"{base}/v1/drafts", json=inquiry.model_dump(mode="json"))
            except httpx2.HTTPError as error:
                raise Unavailable("target_unreachable", url=url, reason=type(error).__name__) from None
            return _draft_of(answer.status_code, answer.content, url)

        yield drafting


def _draft_of(status: int, content: bytes, url: str) -> Draft:
    import json

    from pydantic import ValidationError

    try:
        told: Any = json.loads(content)
    except ValueError:
        told = None
    if status != 201:
        raise told_by(told) if isinstance(told, dict) else Unavailable("target_no_youli", url=url, status=status)
    try:
        return Draft.model_validate(told)
    except ValidationError:
        raise Unavailable("target_no_youli", url=url, status=status) from None
