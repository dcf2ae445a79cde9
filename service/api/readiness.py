"""What works, looked at once a second at most however many ask, and within two however badly a part hangs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import FastAPI

from service.api import parts
from service.api.described import health_note
from service.api.parts import Part
from service.errors import YouliError
from service.logs import lost_lines

if TYPE_CHECKING:
    from service.assembly import Desk

FRESH_S = 1.0
"""How old an answer may be: a storm of probes costs one look a second."""
PATIENCE_S = 1.5
"""For the database; one that takes longer is down as far as a draft is concerned."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What the last look through the whole audit trail found."""

    at: datetime
    rows: int
    problems: int
    guarded: bool


class Looker:
    """Looks at the parts of one application."""

    def __init__(self) -> None:
        self._at, self._seen = 0.0, dict[str, Part]()
        self._of: Desk | None = None
        self._looking: asyncio.Task[dict[str, Part]] | None = None
        self._reading: asyncio.Task[str] | None = None
        self.audited: Audited | None = None
        """Set by who looks through the audit trail; None before the first time."""

    async def look(self, app: FastAPI, desk: Desk) -> dict[str, Part]:
        """All parts by name."""
        if self._of is not desk or time.monotonic() - self._at >= FRESH_S:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look(desk), name="readiness")
            self._seen = await asyncio.shield(self._looking)
        if getattr(app.state, "draining", False):  # nobody may be sent here for one second more
            return self._seen | {"service": Part(state="down", note=health_note("draining"))}
        return self._seen

    async def close(self) -> None:
        """Ask nothing any more."""
        tasks = [task for task in (self._looking, self._reading) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, desk: Desk) -> dict[str, Part]:
        found = {
            "rulebook": parts.rulebook(desk),
            **await self._database(desk),
            **parts.search(desk),
            "model": parts.model(desk),
            "limiter": parts.limiter(desk.limiter.state() if desk.limiter is not None else None),
            "disk": parts.disk(desk),
            "workers": parts.workers(desk),
            "audit": self._audit(),
            "clock": parts.clock(),
        }
        if lost := lost_lines():
            found["logs"] = Part(state="degraded", note=health_note("logs_lost"), details={"lines": lost})
        self._of, self._at = desk, time.monotonic()
        return found

    async def _database(self, desk: Desk) -> dict[str, Part]:
        """Whether it can be read, and, after a write that failed, written; a question that hangs is asked once."""
        from service.database.tables import HEAD

        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(desk.store.reach(), name="readiness-database")
        await asyncio.wait({self._reading}, timeout=PATIENCE_S)
        unknown = Part(state="off", note=health_note("migrations_unknown"))
        if not self._reading.done():
            note = health_note("database_hangs", seconds=PATIENCE_S)
            return {"database": Part(state="down", note=note, details={"code": "timeout"}), "migrations": unknown}
        try:
            version = self._reading.result()
        except Exception as error:
            code = error.code if isinstance(error, YouliError) else YouliError.code
            down = Part(state="down", note=health_note("database_down"), details={"code": code})
            return {"database": down, "migrations": unknown}
        up = Part(state="up", note=health_note("database_up"))
        if version == HEAD:
            return {"database": up, "migrations": Part(state="up", note=health_note("migrations_up", version=version))}
        note = health_note("migrations_other", version=version, head=HEAD)
        return {"database": up, "migrations": Part(state="degraded", note=note)}

    def _audit(self) -> Part:
        """The audit trail as it was found last."""
        seen = self.audited
        if seen is None:
            return Part(state="off", note=health_note("audit_unread"))
        at = seen.at.astimezone(UTC).isoformat(timespec="seconds")
        details = {"at": at, "rows": seen.rows, "problems": seen.problems}
        if seen.problems:
            return Part(state="degraded", note=health_note("audit_broken", **details), details={**details})
        if not seen.guarded:
            return Part(state="degraded", note=health_note("audit_unguarded"), details={**details})
        return Part(state="up", note=health_note("audit_up", **details), details={**details})
