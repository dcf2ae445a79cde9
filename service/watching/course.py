"""The course of one draft: how long each phase took, whom to tell, and how it ended."""

from __future__ import annotations

import time
from asyncio import CancelledError
from types import TracebackType
from typing import TYPE_CHECKING

from service.watching import record
from service.watching.spans import NO_SPAN
from service.watching.vocabulary import LEFT, NONE

if TYPE_CHECKING:
    from service.schemas import Draft, Event

PHASES = ("read", "judge", "search", "write", "save")
"""What a draft goes through, in this order."""
WRITE, CHECK, SAVE = "write", "check", "save"


class Course:
    """Phases of a draft one after another; a context that learns how it ended.

    Outside a request (the shell, the warming up, an eval run) it keeps the laps and tells nobody.
    """

    def __init__(self) -> None:
        self._seen = record.seen()
        self.laps: dict[str, float] = {}
        """Milliseconds by phase, for the draft; what checks took is no part of writing."""
        self._began = self._last = time.perf_counter()
        self._whole = self._part = self._outer = NO_SPAN
        self._begun = self._stepped = False
        self._draft: Draft | None = None

    def lap(self, phase: str) -> None:
        """A phase is done, and the next one of :data:`PHASES` begins."""
        moment = time.perf_counter()
        seconds, self._last = moment - self._last, moment
        if self._seen is not None and phase == WRITE:
            checked, self._seen.checked_s = min(self._seen.checked_s, seconds), 0.0
            seconds -= checked
            self._kept(CHECK, checked)
        self._kept(phase, seconds)
        if self._seen is not None:
            self._part.end()
            self._enter(PHASES[PHASES.index(phase) + 1])

    def waited(self) -> None:
        """Until now the draft only waited for its turn, which is part of no phase."""
        self._last = time.perf_counter()

    def saw(self, event: Event) -> None:
        """An event leaves: the draft begins, a step comes out, it is made and kept."""
        if self._seen is None:
            return
        if event.type == "draft.step":
            if not self._stepped:
                self._stepped = True
                record.observe("youli_draft_first_step_seconds", time.perf_counter() - self._began)
        elif event.type == "draft.created":
            self._begin(str(event.data["id"]))
        elif event.draft is not None:
            self._draft = event.draft
            self._finish(None)

    def __enter__(self) -> Course:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._begun:
            self._finish(error)

    def _begin(self, id: str) -> None:
        """From here on it is a draft: what refuses it before is no draft that failed."""
        assert self._seen is not None
        self._begun = True
        record.change("youli_drafts_running", 1)
        self._seen.facts["draft"] = id
        self._seen.checked_s, self._outer = 0.0, self._seen.parent
        self._whole = record.span("draft", youli__draft=id)
        self._enter(PHASES[0])

    def _enter(self, phase: str) -> None:
        assert self._seen is not None
        self._seen.parent = self._part = record.span(phase, self._whole)

    def _finish(self, error: BaseException | None) -> None:
        assert self._seen is not None
        self._begun = False
        record.change("youli_drafts_running", -1)
        if self._draft is not None:
            self._kept(SAVE, time.perf_counter() - self._last)
            self._part.end()
            self._tell(self._draft)
        else:
            code = LEFT if error is None or isinstance(error, (GeneratorExit, CancelledError)) else _code(error)
            record.count("youli_drafts_unfinished_total", code)
            self._part.fail(code)
            self._part.end()
            self._whole.fail(code)
            self._seen.facts["ended"] = code
        self._whole.end()
        self._seen.parent = self._outer

    def _kept(self, phase: str, seconds: float) -> None:
        self.laps[phase] = round(seconds * 1000, 3)
        if self._seen is not None:
            record.observe("youli_draft_step_seconds", seconds, phase)

    def _tell(self, draft: Draft) -> None:
        """What was made, as numbers, as attributes, as facts of the log line."""
        writer, seconds = draft.writer, time.perf_counter() - self._began
        record.count("youli_drafts_total", draft.verdict, writer.kind, writer.reason or NONE)
        record.observe("youli_draft_seconds", seconds, writer.kind)
        if draft.search.reason:
            record.count("youli_search_degraded_total", draft.search.reason)
        if not draft.steps:
            record.count("youli_drafts_unsafe_total")
        record.found("draft", ((one.category, one.severity) for one in draft.findings))
        told = {"verdict": draft.verdict, "writer": writer.kind, "reason": writer.reason or NONE}
        told |= {"knowledge": draft.knowledge_version, "shop": draft.shop}
        assert self._seen is not None
        self._seen.facts.update(told, degraded=writer.degraded, calls=writer.calls, draft_ms=round(seconds * 1000, 1))
        named = {f"youli__{name}": value for name, value in told.items()}
        self._whole.set(**named, youli__scenario=draft.scenario, youli__findings=len(draft.findings))


def _code(error: BaseException) -> str:
    return str(getattr(error, "code", "internal_error"))
