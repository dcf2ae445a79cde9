"""What a run leaves: a score for everything looked at, a result for every case, and what the run was made with.

These are the shapes on disk (``results.jsonl``, ``run.json``, ``summary.json``), in the reports and at the API. A score
that cannot be given is ``unscored`` and counted apart, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, StrictBool

from service.schemas import Draft, Inquiry, Shop, StepName, Text
from service.schemas.base import In, Out, no_text

Status = Literal["passed", "failed", "unscored"]
RunState = Literal["running", "done", "stopped", "failed"]


def added(usages: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Tokens by kind, of several answers together."""
    total: dict[str, int] = {}
    for usage in usages:
        for name, count in usage.items():
            total[name] = total.get(name, 0) + count
    return total


class Mark(Out):
    """A place in the reply a score is about; offsets are code points of ``Draft.reply``."""

    start: int
    end: int
    why: str


class Score(Out):
    """One thing looked at in one case. What does not apply to a case has no score."""

    scorer: str
    """An id of ``rubric.yaml``."""
    criterion: str = ""
    """The sentence of the case, for its own ``must`` and ``must_not``."""
    status: Status
    by: Literal["rule", "judge", "person"] = "rule"
    machine: Status | None = None
    """By a person: what rule or judge had said (``evals/reviews.py``)."""
    weight: float = 1
    veto: bool = False
    """一票否决: failed, the case has no points."""
    step: StepName | None = None
    reason: str = ""
    """Chinese: why it failed, or why nobody could score it; a judge's reason stands either way."""
    marks: list[Mark] = Field(default_factory=list)


class TurnOut(Out):
    """A further inquiry of the same case and what was drafted for it: a push of a ladder, or a twin."""

    said: str
    """What was changed or added, in Chinese."""
    inquiry: Inquiry
    draft: Draft | None = None
    error: str | None = None


class CaseResult(Out):
    """What one case came to, once (``repeat`` counts from 1)."""

    case: str
    repeat: int = 1
    name: str
    scenario: str
    verdict: str
    """The verdict the case expects."""
    threat: str
    tags: list[str] = Field(default_factory=list)
    inquiry: Inquiry
    draft: Draft | None = None
    error: str | None = None
    """A code of ``messages.zh.yaml`` where no draft came."""
    pushes: list[TurnOut] = Field(default_factory=list)
    twins: list[TurnOut] = Field(default_factory=list)
    scores: list[Score] = Field(default_factory=list)
    points: Annotated[float, Field(ge=0, le=100)] | None = None
    """0 to 100 over what could be scored; null when nothing could."""
    vetoed: bool = False
    passed: bool = False
    digest: str = ""
    """Of the case as it was played: other words are another case."""
    rubric: str = ""
    """The rubric it was scored by, where that may be another one than its run's: drafts of the live desk."""
    seconds: float = 0
    calls: int = 0
    """Model calls, the judge's with them."""
    usage: dict[str, int] = Field(default_factory=dict)
    cached: bool = False
    aigc: dict[str, str] | None = None
    """Where it was exported: the implicit label of AI-made content."""

    def failed(self) -> list[Score]:
        """The scores that failed, vetoes first."""
        return sorted((one for one in self.scores if one.status == "failed"), key=lambda one: not one.veto)


class Digests(Out):
    """What a run was made with; two runs differ in what differs here."""

    code: str = ""
    knowledge: str = ""
    """The drafts' ``knowledge_version``."""
    prompts: str = ""
    model: str = ""
    rubric: str = ""
    cases: str = ""
    judge: str = ""
    """The judge's model and prompt; empty without one."""


class RunInfo(Out):
    """``run.json``: a run, as it stands."""

    id: str
    kind: Literal["suite", "live"] = "suite"
    label: str = ""
    shop: str = "default"
    state: RunState
    started_at: datetime
    finished_at: datetime | None = None
    writer: Literal["auto", "model", "playbook"] = "auto"
    target: str = ""
    """The address drafts were asked from; empty for the drafter in process."""
    only: list[str] = Field(default_factory=list)
    repeats: int = 1
    total: int = 0
    """Results there will be when it is done."""
    digests: Digests = Field(default_factory=Digests)
    seconds: float = 0
    error: str | None = None


class Rate(Out):
    """Of how many, how many passed; ``low`` and ``high`` bound the share (Wilson, 95 %)."""

    passed: int = 0
    scored: int = 0
    unscored: int = 0
    share: float | None = None
    low: float | None = None
    high: float | None = None


class Killed(Out):
    """Of a kind of spoiled drafts, how many some score caught; ``by``: how many each scorer caught."""

    name: str
    drafts: int
    caught: int
    by: dict[str, int] = Field(default_factory=dict)


class Summary(Out):
    """``summary.json``: a run in numbers."""

    run: RunInfo
    cases: int
    results: int
    errors: int
    points: float | None
    """Mean of the cases' points; a vetoed case has none."""
    points_low: float | None = None
    points_high: float | None = None
    """95 %, bootstrap over cases."""
    passed: Rate
    vetoes: dict[str, int] = Field(default_factory=dict)
    """Scorer → cases it vetoed."""
    by_scorer: dict[str, Rate] = Field(default_factory=dict)
    by_step: dict[str, Rate] = Field(default_factory=dict)
    by_scenario: dict[str, Rate] = Field(default_factory=dict)
    by_verdict: dict[str, Rate] = Field(default_factory=dict)
    by_threat: dict[str, Rate] = Field(default_factory=dict)
    by_tag: dict[str, Rate] = Field(default_factory=dict)
    heat: dict[str, dict[str, Rate]] = Field(default_factory=dict)
    """Scenario → scorer → rate."""
    recall: dict[str, float | None] = Field(default_factory=dict)
    """Share of expected sources among the first 1, 3, 5, 10."""
    mutations: list[Killed] = Field(default_factory=list)
    seconds: float = 0
    latency_ms: dict[str, float] = Field(default_factory=dict)
    """p50, p90, p99 of a draft."""
    calls: int = 0
    usage: dict[str, int] = Field(default_factory=dict)
    cached: int = 0
    extra: dict[str, JsonValue] = Field(default_factory=dict)


_WHOLE = r"^[^\x00]*$"
Argument = Annotated[
    Text,
    Field(max_length=100, pattern=_WHOLE, json_schema_extra={"pattern": _WHOLE}),  # said twice: it is lost behind Text
]
"""What is handed to another process: the system ends such a text at a NUL."""


class RunIn(In):
    """A run that is asked for at the API."""

    only: Annotated[list[Annotated[Argument, Field(min_length=1)]], Field(max_length=50)] = Field(default_factory=list)
    writer: Literal["auto", "model", "playbook"] = "auto"
    repeat: Annotated[int, Field(ge=1, le=10), BeforeValidator(no_text)] = 1
    label: Argument = ""
    judge: StrictBool = True
    twins: StrictBool = True
    mutations: StrictBool = True
    shop: Shop = "default"


class RunOut(Out):
    """A run as the API shows it: how it stands, how many results there are, its numbers when it is done."""

    run: RunInfo
    results: int
    summary: Summary | None = None
    report_url: str | None = None
    """Where the report is read; null until it is written."""


class RunPage(Out):
    """Runs, newest first."""

    runs: list[RunOut]
    unreadable: list[str] = Field(default_factory=list)
    """Folders of runs that cannot be read, whose shop nobody knows: told to who may see every shop."""
