"""运维: whether the process lives, what works, what is down and what still works without it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from importlib import metadata
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from pydantic import Field, JsonValue
from starlette.responses import JSONResponse

from service.acting import ANY_SHOP, Acting, acting
from service.api.described import described, health_note
from service.api.desk import desk_of
from service.api.route import StrictRoute
from service.errors import EmbeddingError, ModelError, YouliError
from service.schemas import Out

if TYPE_CHECKING:
    from service.assembly import Desk

router = APIRouter(route_class=StrictRoute)


class Alive(Out):
    """The process answers."""

    status: str


class Part(Out):
    """One part: ``up``, ``degraded`` (works, but not as wanted), ``down`` (drafts suffer) or ``off`` (by choice)."""

    state: str
    note: str
    details: dict[str, JsonValue] = Field(default_factory=dict)


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
    parts = {
        "rulebook": _rulebook(desk),
        "database": await _database(desk),
        **_search(desk),
        "model": _model(desk),
    }
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


def _rulebook(desk: Desk) -> Part:
    """The rulebook in force; degraded while changed files may not come into force."""
    details: dict[str, JsonValue] = {"digest": desk.rulebook.digest}
    if desk.broken is not None:
        problem = asdict(desk.broken)
        return Part(state="degraded", note=health_note("rulebook_broken", **problem), details=details | problem)
    if desk.restart:
        return Part(state="degraded", note=health_note("rulebook_restart"), details=details)
    overdue = [rule.rule.id for rule in desk.rulebook.forbidden.overdue(date.today())]
    if overdue:
        note = health_note("rulebook_overdue", count=len(overdue), rules="、".join(overdue[:5]))
        return Part(state="up", note=note, details=details | {"overdue": list[JsonValue](overdue)})
    return Part(state="up", note=health_note("rulebook"), details=details)


async def _database(desk: Desk) -> Part:
    """A read that finds nothing is enough to know that reading works."""
    try:
        await desk.store.get_draft("dft_readyz", "default")
    except YouliError as error:
        return Part(state="down", note=health_note("database_down"), details={"code": error.code})
    return Part(state="up", note=health_note("database_up"))


def _search(desk: Desk) -> dict[str, Part]:
    """The snapshot and its projection; neither being short stops a draft."""
    health: dict[str, Any] = desk.library.health()
    details: dict[str, JsonValue] = {"chunks": health["chunks"], "vectors": health["fingerprint"]}
    details |= {"open_conflicts": health["conflicts"], "embedder": health["embedder"], **health["vectors"]}
    return {"search": Part(**_searching(health), details=details), "chroma": _chroma(health["chroma"])}


def _searching(health: dict[str, Any]) -> dict[str, str]:
    """Search works by words whatever the endpoint of the vectors does; that it does so is told."""
    vectors = health["vectors"]
    if not health["chunks"]:
        return {"state": "off", "note": health_note("search_empty")}
    told = _how_it_searches(health, vectors)
    if health["conflicts"]:
        told["note"] = health_note("search_conflicts", note=told["note"], count=health["conflicts"])
    return told


def _how_it_searches(health: dict[str, Any], vectors: dict[str, Any]) -> dict[str, str]:
    if vectors["reason"]:
        reason = EmbeddingError(vectors["reason"]).detail
        shown = {"lacking": vectors["lacking"], "waiting": vectors["waiting"]}
        return {"state": "degraded", "note": health_note("search_degraded", reason=reason, **shown)}
    if vectors["semantic"]:
        return {"state": "up", "note": health_note("search_semantic", model=health["embedder"], dim=vectors["dim"])}
    return {"state": "up", "note": health_note("search_up", fingerprint=health["fingerprint"])}


def _chroma(chroma: dict[str, Any]) -> Part:
    """Chroma, what it answers for, and why it was last built; whatever it is, the exact scan answers."""
    details: dict[str, JsonValue] = {name: value for name, value in chroma.items() if value is not None}
    why = health_note(f"chroma_{chroma.get('why') or 'unbuilt'}")
    if chroma["state"] == "ready":
        return Part(state="up", note=health_note("chroma_up", why=why), details=details)
    note = health_note("chroma_off", state=chroma["state"], why=why)
    return Part(state="off", note=note, details=details)


def _model(desk: Desk) -> Part:
    """The model's endpoint: asked, left alone for a while and why, or none. Never a word of the vendor's."""
    name = desk.settings.model
    if not desk.settings.model_ready:
        return Part(state="off", note=health_note("model_off"))
    details: dict[str, JsonValue] = {"model": name}
    state = desk.model.breaker.state if desk.model is not None else None
    if state is None or state.cause is None:
        return Part(state="up", note=health_note("model_up", model=name), details=details)
    details |= {"cause": state.cause, "until": state.until.isoformat(timespec="seconds") if state.until else None}
    until = state.until.astimezone().strftime("%H:%M:%S") if state.until else health_note("model_next")
    note = health_note("model_resting", model=name, reason=ModelError(state.cause).title, until=until)
    return Part(state="degraded", note=note, details=details)
