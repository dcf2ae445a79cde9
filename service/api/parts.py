"""The parts of the service as readiness tells of them: state, a Chinese note on what still works, details.

Everything here is a look at what is in memory, or one quick call; what may hang is :mod:`service.api.readiness`'s.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, JsonValue

from service.api.described import health_note
from service.errors import EmbeddingError, ModelError
from service.schemas import Out

if TYPE_CHECKING:
    from service.assembly import Desk

PartState = Literal["up", "degraded", "down", "off"]

DRIFT_S = 5.0
"""Seconds the wall clock may move against the monotonic one before it is told."""
LEAST_BYTES = 4 * 2**20
"""Room without which not even a draft can be kept."""
_BORN = time.time() - time.monotonic()


class Part(Out):
    """One part: ``up``, ``degraded`` (works, but not as wanted), ``down`` (drafts suffer) or ``off`` (by choice)."""

    state: PartState
    note: str
    details: dict[str, JsonValue] = Field(default_factory=dict)


def rulebook(desk: Desk) -> Part:
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


def search(desk: Desk) -> dict[str, Part]:
    """The snapshot and its projection; neither being short stops a draft."""
    health: dict[str, Any] = desk.library.health()
    details: dict[str, JsonValue] = {"chunks": health["chunks"], "vectors": health["fingerprint"]}
    details |= {"open_conflicts": health["conflicts"], "embedder": health["embedder"], **health["vectors"]}
    found = {"search": Part(**_searching(health), details=details), "chroma": _chroma(health["chroma"])}
    return found | {"embeddings": _embeddings(health)}


def _embeddings(health: dict[str, Any]) -> Part:
    """The endpoint of the vectors; without one they are made here."""
    vectors = health["vectors"]
    if not vectors["semantic"]:
        return Part(state="off", note=health_note("embeddings_off"))
    if vectors["reason"] in (None, "embedding_pending"):
        return Part(state="up", note=health_note("embeddings_up", model=health["embedder"]))
    note = health_note("embeddings_down", reason=EmbeddingError(vectors["reason"]).title)
    return Part(state="degraded", note=note, details={"reason": vectors["reason"]})


def _searching(health: dict[str, Any]) -> dict[str, Any]:
    """Search works by words whatever the endpoint of the vectors does; that it does so is told."""
    vectors = health["vectors"]
    if not health["chunks"]:
        return {"state": "off", "note": health_note("search_empty")}
    told = _how_it_searches(health, vectors)
    if health["conflicts"]:
        told["note"] = health_note("search_conflicts", note=told["note"], count=health["conflicts"])
    return told


def _how_it_searches(health: dict[str, Any], vectors: dict[str, Any]) -> dict[str, Any]:
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
    wanted = chroma.get("server") and chroma["state"] != "off"  # somebody runs a server for it, and it is not used
    return Part(state="degraded" if wanted else "off", note=note, details=details)


def model(desk: Desk) -> Part:
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


def disk(desk: Desk) -> Part:
    """Room where the data lies: short of the setting, new documents wait; with next to none, drafts cannot be kept."""
    settings = desk.settings
    try:
        free = free_bytes(settings.data_dir)
    except OSError as error:
        return Part(state="degraded", note=health_note("disk_unseen", reason=error.strerror or type(error).__name__))
    details: dict[str, JsonValue] = {"free_mb": free // 2**20, "wanted_mb": settings.min_free_mb}
    if free < LEAST_BYTES and settings.database_url is None:
        return Part(state="down", note=health_note("disk_full"), details=details)
    if free < settings.min_free_mb * 2**20:
        return Part(state="degraded", note=health_note("disk_short", **details), details=details)
    return Part(state="up", note=health_note("disk_up", **details), details=details)


def free_bytes(folder: Path) -> int:
    """Room left for whoever is not root on the disk of a folder, there already or to be made.

    Raises:
        OSError: it cannot be looked at.
    """
    there = next(place for place in (folder, *folder.resolve().parents) if place.exists())
    return shutil.disk_usage(there).free


def workers(desk: Desk) -> Part:
    """How many processes serve, and on what."""
    count = desk.settings.workers
    return Part(state="up", note=health_note("workers", count=count), details={"workers": count})


def limiter(state: Mapping[str, Any] | None) -> Part:
    """Where rates and budgets are counted, and how full it is."""
    if state is None:
        return Part(state="off", note=health_note("limiter_off"))
    counting = state["counting"]
    details: dict[str, JsonValue] = {
        name: {"at_once": pool.at_once, "under_way": pool.under_way, "refused": pool.refused}
        for name, pool in state["admission"].items()
    }
    if counting.kind == "memory":
        return Part(state="up", note=health_note("limiter_memory"), details=details)
    if counting.up:
        return Part(state="up", note=health_note("limiter_redis"), details=details)
    return Part(state="degraded", note=health_note("limiter_down"), details=details)


def clock() -> Part:
    """Whether the wall clock has gone steadily since the start."""
    drift = time.time() - time.monotonic() - _BORN
    details: dict[str, JsonValue] = {"moved_s": round(drift, 1)}
    if abs(drift) > DRIFT_S:
        return Part(state="degraded", note=health_note("clock_moved", seconds=round(drift)), details=details)
    return Part(state="up", note=health_note("clock_up"), details=details)
