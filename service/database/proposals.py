"""Proposals: kept, merged with those like them, decided once by a person."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.acting import acting
from service.database.entries import Entry, tell
from service.database.session import Database
from service.database.tables import drafts, feedback
from service.database.tables_proposals import proposals
from service.errors import Conflict, NotFound, PreconditionFailed
from service.ids import new_id
from service.schemas import Draft, Feedback, Inquiry

Row = Mapping[str, Any]
MOST_DRAFTS = 20
"""Ids a proposal keeps; how often it was said is counted on."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one feedback suggests."""

    kind: str
    scenario: str
    draft: str
    pairs: tuple[int, ...]
    """Of the text by which it is told from others: stable hashes of its pairs of letters."""
    verdict: str | None = None
    step: str | None = None
    text: str | None = None

    def beside(self, row: Row) -> bool:
        """Whether a kept proposal is about the same place."""
        return all(getattr(self, name) == row[name] for name in ("kind", "scenario", "verdict", "step"))


class ProposalStore:
    """Proposals by id and shop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fresh(self, shop: str, limit: int) -> list[tuple[Draft, Inquiry, Feedback]]:
        """Feedback nobody has looked through yet, where something was sent and nothing was found in it."""
        query = (
            select(drafts.c.draft, drafts.c.inquiry, drafts.c.state, drafts.c.superseded_by, *feedback.c)
            .join(feedback, feedback.c.draft_id == drafts.c.id)
            .where(
                drafts.c.shop == shop,
                feedback.c.gathered.is_(False),
                feedback.c.action.in_(("adopted", "edited")),
                feedback.c.passed.is_(True),
            )
            .order_by(feedback.c.given_at)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        found = []
        for row in rows:
            made = {**row["draft"], "state": row["state"], "superseded_by": row["superseded_by"]}
            told = {name: row[name] for name in Feedback.model_fields if name in row} | {"draft": row["draft_id"]}
            found.append(
                (Draft.model_validate(made), Inquiry.model_validate(row["inquiry"]), Feedback.model_validate(told))
            )
        return found

    async def take(
        self, shop: str, looked: Sequence[str], candidates: Sequence[Candidate], alike: float
    ) -> tuple[int, int, int]:
        """Keep what feedback suggests; feedback another process has taken meanwhile counts for nothing.

        Args:
            shop: whose.
            looked: drafts whose feedback was looked through.
            candidates: what it suggests.
            alike: Jaccard's index from which one is the other.

        Returns:
            How many were looked through, made, and merged.
        """

        async def work(connection: AsyncConnection) -> tuple[int, int, int]:
            new = await _claimed(connection, looked)
            here = select(proposals).where(proposals.c.shop == shop)
            kept = [dict(row) for row in (await connection.execute(here.with_for_update())).mappings()]
            made = merged = 0
            for candidate in candidates:
                if candidate.draft not in new:
                    continue
                like = next((row for row in kept if candidate.beside(row) and _share(row, candidate) >= alike), None)
                if like is None:
                    kept.append(await _add(connection, shop, candidate))
                    made += 1
                else:
                    await _merge(connection, like, candidate)
                    merged += 1
            return len(new), made, merged

        return await self._database.write(work)

    async def page(self, shop: str, state: str | None, kind: str | None, limit: int) -> tuple[list[Row], int]:
        """Proposals of a shop, most often said first, and how many there are."""
        where = [proposals.c.shop == shop]
        where += [proposals.c.state == state] if state else []
        where += [proposals.c.kind == kind] if kind else []
        query = select(proposals).where(*where).order_by(proposals.c.times.desc(), proposals.c.id).limit(limit)
        async with self._database.reading() as connection:
            rows: list[Row] = [dict(row) for row in (await connection.execute(query)).mappings()]
            count = select(func.count()).select_from(proposals).where(*where)
            return rows, int((await connection.execute(count)).scalar_one())

    async def one(self, proposal_id: str, shop: str) -> Row:
        """A proposal.

        Raises:
            NotFound: this shop has none of this id.
        """
        query = select(proposals).where(proposals.c.id == proposal_id, proposals.c.shop == shop)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise _none(proposal_id)
        return dict(row)

    async def decide(
        self, proposal_id: str, shop: str, state: str, note: str | None, expected: frozenset[int] | None
    ) -> Row:
        """Write down what a person decided; the same again changes nothing.

        Raises:
            NotFound: this shop has none of this id.
            PreconditionFailed: somebody else was faster.
            Conflict: ``proposal_decided`` — the other way, before.
        """
        mine = (proposals.c.id == proposal_id, proposals.c.shop == shop)
        who = acting().key[:128]

        async def work(connection: AsyncConnection) -> Row:
            row = (await connection.execute(select(proposals).where(*mine).with_for_update())).mappings().first()
            if row is None:
                raise _none(proposal_id)
            if row["state"] == state:
                return dict(row)
            if expected is not None and row["revision"] not in expected:
                raise PreconditionFailed("proposal_changed", id=proposal_id, revision=row["revision"])
            if row["state"] != "open":
                raise Conflict("proposal_decided", id=proposal_id)
            now = datetime.now(UTC)
            decided = {"state": state, "note": note, "decided_by": who, "decided_at": now}
            decided["revision"] = row["revision"] + 1
            await connection.execute(update(proposals).where(*mine).values(decided))
            told = {"kind": row["kind"], "scenario": row["scenario"], "times": row["times"]}
            tell(connection, Entry(f"proposal.{state}", proposal_id, shop, told))
            return {**row, **decided}

        return await self._database.write(work)


async def forget_proposals(connection: AsyncConnection, shop: str, draft_ids: Collection[str]) -> int:
    """Take what these drafts suggested out of a shop's proposals; how many were touched.

    An open one goes: what others suggested of it is proposed again when the like is said again. A decided one stays
    without its words.
    """
    gone, touched = set(draft_ids), 0
    here = select(proposals.c.id, proposals.c.state, proposals.c.drafts).where(proposals.c.shop == shop)
    for row in (await connection.execute(here.with_for_update())).all():
        if gone.isdisjoint(row.drafts):
            continue
        touched += 1
        of = proposals.c.id == row.id
        if row.state == "open":
            await connection.execute(delete(proposals).where(of))
        else:
            rest = [one for one in row.drafts if one not in gone]
            await connection.execute(update(proposals).where(of).values(text=None, pairs=[], drafts=rest))
    return touched


async def _claimed(connection: AsyncConnection, looked: Sequence[str]) -> set[str]:
    """Those of some drafts whose feedback nobody has taken; they are taken now."""
    open_ = (feedback.c.draft_id.in_(looked), feedback.c.gathered.is_(False))
    query = select(feedback.c.draft_id).where(*open_).with_for_update()
    new = set((await connection.execute(query)).scalars())
    await connection.execute(update(feedback).where(*open_).values(gathered=True))
    return new


async def _add(connection: AsyncConnection, shop: str, candidate: Candidate) -> dict[str, Any]:
    row = {
        "id": new_id("prp"),
        "shop": shop,
        "kind": candidate.kind,
        "scenario": candidate.scenario,
        "verdict": candidate.verdict,
        "step": candidate.step,
        "text": candidate.text,
        "pairs": list(candidate.pairs),
        "drafts": [candidate.draft],
        "times": 1,
        "state": "open",
        "revision": 1,
        "made_at": datetime.now(UTC),
    }
    await connection.execute(insert(proposals).values(row))
    return row


async def _merge(connection: AsyncConnection, row: dict[str, Any], candidate: Candidate) -> None:
    """Count one more; the proposal keeps the wording it was made with, and its decision."""
    row["drafts"] = list(dict.fromkeys([*row["drafts"], candidate.draft]))[:MOST_DRAFTS]
    row["times"] += 1
    values = {"drafts": row["drafts"], "times": row["times"]}
    await connection.execute(update(proposals).where(proposals.c.id == row["id"]).values(values))


def _share(row: Row, candidate: Candidate) -> float:
    there, here = set(row["pairs"]), set(candidate.pairs)
    return len(there & here) / len(there | here) if there or here else 1.0


def _none(proposal_id: str) -> NotFound:
    return NotFound("proposal_not_found", id=proposal_id[:80])
