"""运维: the numbers, as Prometheus asks for them.

Every request's labels come from closed lists and name no shop, so one answer holds all shops: where keys are asked for,
only a key of every shop whose scopes hold this operation is answered.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from service import watching
from service.api.described import described
from service.api.gauges import look
from service.api.route import StrictRoute
from service.errors import Unavailable

router = APIRouter(route_class=StrictRoute)


@router.get("/metrics", response_class=Response, **described("metrics", 503))
async def metrics(request: Request) -> Response:
    """All metrics; text, or OpenMetrics where that is asked for."""
    kept = watching.meters()
    if kept is None:
        raise Unavailable("not_ready")
    await look(request.app)
    body, media = await asyncio.to_thread(kept.exposed, request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": media})
