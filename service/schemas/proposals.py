"""What people's edits suggest for the team's files."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import In, Out, StepName, Text, Verdict

ProposalKind = Literal["script", "case", "question"]
ProposalState = Literal["open", "accepted", "rejected"]


class GatherIn(In):
    """Whose feedback is looked through."""

    shop: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] = "default"


class Gathered(Out):
    """What came of looking through feedback."""

    looked: int
    """Feedback that was new."""
    made: int
    merged: int
    """Went to a proposal like it."""


class DecisionIn(In):
    """Why; for whoever reads it later."""

    note: Annotated[Text, Field(max_length=500)] | None = None


class Proposal(Out):
    """One suggestion. ``text`` null: the drafts it came from are gone."""

    id: str
    shop: str
    kind: ProposalKind
    scenario: str
    scenario_name: str
    verdict: Verdict | None
    step: StepName | None
    text: str | None
    times: int
    drafts: list[str]
    state: ProposalState
    revision: int
    made_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    file: str | None = None
    """Where it would go, inside ``knowledge/`` or ``evals/``; only where one proposal is shown."""
    patch: str | None = None
    """A unified diff for ``git apply``; only where one proposal is shown, null where it would not load."""
    unfit: str | None = None
    """Why there is no patch, in Chinese."""


class ProposalPage(Out):
    """Proposals, most often said first."""

    proposals: list[Proposal]
    total: int
