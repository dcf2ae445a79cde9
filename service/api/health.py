"""运维: whether the process lives, what works, what is down and what still works without it."""

from __future__ import annotations

from importlib import metadata

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from service.acting import ANY_SHOP, Acting, acting
from service.api.described import described
from service.api.desk import desk_of
from service.api.parts import Part
from service.api.route import StrictRoute
from service.schemas import Out

router = APIRouter(route_class=StrictRoute)


class Alive(Out):
    """The process answers."""

    status: str


class Readiness(Out):
    """All parts; ``ready`` when drafts can be made."""

    ready: bool
    parts: dict[str, Part]


class Version(Out):
    """What is running."""

    name: str
    version: str
    rulebook: str
    knowledge_version: str


@router.get("/healthz", response_model=Alive, **described("healthz"))
async def healthz() -> Alive:
    """The process lives."""
    return Alive(status="ok")


@router.get("/readyz", response_model=Readiness, **described("readyz", 503))
async def readyz(request: Request) -> JSONResponse:
    """What works and what does not; 503 only when no draft could be made and kept."""
    desk = desk_of(request)
    parts = await request.app.state.looker.look(request.app, desk)
    ready = all(part.state != "down" for part in parts.values())
    body = Readiness(ready=ready, parts=_shown(parts, acting()))
    return JSONResponse(body.model_dump(mode="json"), 200 if ready else 503)


@router.get("/version", response_model=Version, **described("version"))
async def version(request: Request) -> Version:
    """What is running."""
    desk = desk_of(request)
    return Version(
        name="youli",
        version=metadata.version("youli"),
        rulebook=desk.rulebook.digest,
        knowledge_version=desk.knowledge_version,
    )


def _shown(parts: dict[str, Part], who: Acting) -> dict[str, Part]:
    """What a caller is told: notes and numbers are of all shops, states are nobody's, and strangers learn neither."""
    if who.shop == ANY_SHOP:
        return parts
    return {name: Part(state=part.state, note="") for name, part in parts.items()} if who.shop else {}
