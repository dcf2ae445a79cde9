"""Between the drafter and the model writer: what of a case the model is told, and what its answer counts for."""

from __future__ import annotations

from service.citing import Cited
from service.errors import ModelError
from service.schemas import Passage, Step, WriterOut
from service.writing.model import ModelWriter
from service.writing.slots import Brief, show


class ModelSide:
    """The drafter's model side. One per process."""

    def __init__(self, writer: ModelWriter, deadline_s: float) -> None:
        self._writer, self._deadline = writer, deadline_s

    async def write(
        self, brief: Brief, ground: list[Step], cited: Cited
    ) -> tuple[list[Step], WriterOut, dict[str, int]]:
        """Ask for the planned steps. Citation numbers are those of the rules first, then of the guidance.

        Raises:
            ModelError: with the calls that were spent among its parameters.
        """
        steps = brief.plan.steps
        if [step.step for step in ground] != list(steps):
            raise ModelError("llm_bad_reply", calls=0)  # no ground to stand on: the playbook is short of a step
        reply = await self._writer.write(
            brief.inquiry, steps, brief.plan.verdict, ground, _passages(cited), _facts(brief), self._deadline
        )
        who = WriterOut(kind="model", model=reply.model, prompt=reply.prompt, calls=reply.calls)
        return reply.steps, who, reply.usage


def _passages(cited: Cited) -> list[Passage]:
    rules = [
        Passage(
            document_id=citation.document_id,
            title=citation.title,
            section=citation.section,
            text=citation.quote,
            start=0,
            end=len(citation.quote),
            version=citation.version,
            kind="law" if citation.authority == "law" else "guideline",
            authority=citation.authority,
            score=1.0,
        )
        for citation in cited.citations
    ]
    return [*rules, *cited.guidance]


def _facts(brief: Brief) -> dict[str, str]:
    """Facts by the names people use; what the buyer only claims is left to the conversation."""
    facts: dict[str, str] = {}
    for name, value in sorted(brief.known.items()):
        if value.source in ("buyer", "agent") or not value.filled:
            continue
        shown = show(value)
        if shown:
            facts[name] = f"{shown}{brief.known.book.facts[name].entry.unit}"
    return facts
