"""Proposals as people see and decide them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from evals.formats.casefile import case_yaml
from evals.formats.from_draft import case_of
from service.database.drafts import DraftStore
from service.database.proposals import ProposalStore
from service.insight.gathering import Gathering, Given, question_of
from service.insight.patching import Patches, Unfit
from service.insight.scales import Scales, scales
from service.insight.words import word
from service.rulebook.book import Rulebook
from service.schemas.proposals import Proposal, ProposalPage

if TYPE_CHECKING:
    from service.assembly import Desk

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Proposing:
    """The proposals of a desk."""

    store: ProposalStore
    drafts: DraftStore
    book: Rulebook
    scales: Scales

    @property
    def gathering(self) -> Gathering:
        """Who looks feedback through."""
        return Gathering(self.store, self.book, self.scales)

    async def page(self, shop: str, state: str | None, kind: str | None, limit: int) -> ProposalPage:
        """Proposals of a shop, most often said first."""
        rows, total = await self.store.page(shop, state, kind, limit)
        return ProposalPage(proposals=[(await self._told(row))[0] for row in rows], total=total)

    async def one(self, proposal_id: str, shop: str) -> Proposal:
        """A proposal with its patch.

        Raises:
            NotFound: this shop has none of this id.
        """
        return await self._whole(await self.store.one(proposal_id, shop))

    async def decide(
        self, proposal_id: str, shop: str, state: str, note: str | None, expected: frozenset[int] | None
    ) -> Proposal:
        """Accept or reject; accepting writes no file of the team's: it gives the patch.

        Raises:
            NotFound: this shop has none of this id.
            Unfit: accepted, the changed file would not load.
            PreconditionFailed: somebody else was faster.
            Conflict: it was decided the other way.
        """
        if state == "accepted":
            shown = await self.one(proposal_id, shop)
            if shown.unfit is not None:
                raise Unfit(reason=shown.unfit)
        return await self._whole(await self.store.decide(proposal_id, shop, state, note, expected))

    async def export(self, shop: str, limit: int = 500) -> tuple[str, dict[str, str]]:
        """All accepted proposals as one patch, and those left out with the reason."""
        rows, _ = await self.store.page(shop, "accepted", None, limit)
        patches, left = Patches(self.book), {}
        for row in reversed(rows):  # the one said most often stands first in its file
            told, case = await self._told(row)
            try:
                await run_in_threadpool(_put, patches, row, told, case)
            except Unfit as error:
                left[str(row["id"])] = str(error.parameters["reason"])
        return patches.diff(), left

    async def _whole(self, row: Row) -> Proposal:
        told, case = await self._told(row)
        patches = Patches(self.book)
        try:
            file = await run_in_threadpool(_put, patches, row, told, case)
        except Unfit as error:
            return told.model_copy(update={"unfit": error.parameters["reason"]})
        return told.model_copy(update={"file": file, "patch": patches.diff()})

    async def _told(self, row: Row) -> tuple[Proposal, str | None]:
        """A proposal with its text, and a case's file; both from the drafts where they quote a buyer."""
        text, case = row["text"], None
        if row["kind"] != "script":
            kept = await self._kept(row)
            if row["kind"] == "question":
                text = question_of(kept, self.scales)
            elif kept:
                taken = case_of(*kept[0])
                text, case = taken.entry.id, case_yaml(taken)
        scenario = self.book.scenarios.get(row["scenario"])
        told = {name: row.get(name) for name in Proposal.model_fields if name in row}
        name = scenario.name if scenario else row["scenario"]
        return Proposal.model_validate({**told, "text": text, "scenario_name": name}), case

    async def _kept(self, row: Row) -> list[Given]:
        """Drafts of a proposal that are still there, with their feedback."""
        found: list[Given] = []
        for draft_id in row["drafts"][:5]:
            draft = await self.drafts.get_draft(draft_id, row["shop"])
            given = await self.drafts.get_feedback(draft_id, row["shop"])
            if draft is not None and given is not None:
                found.append((*draft, given))
        return found


def _put(patches: Patches, row: Row, told: Proposal, case: str | None) -> str:
    if told.text is None:
        raise Unfit(reason=word("proposals", "gone"))
    return patches.add(row, told.text, case)


def proposing_of(desk: Desk) -> Proposing:
    """The proposals of a desk, by its files as they stand now.

    Raises:
        RulebookError: ``knowledge/analytics.yaml`` is broken.
    """
    return Proposing(
        ProposalStore(desk.library.database), desk.store, desk.rulebook, scales(desk.settings.knowledge_dir)
    )
