"""Drafts as they were given out, with the inquiry they answer and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.audit import buyer_digest
from service.database.deeds import draft_made, feedback_given
from service.database.entries import tell
from service.database.newrows import JsonText, insert_new
from service.database.outbox import Happened, emit
from service.database.reach import revision, try_writing
from service.database.session import Database
from service.database.tables import conversations, drafts, feedback
from service.database.traits import traits_of
from service.database.turns import compare, turns_of
from service.errors import Conflict, NotFound, phrase
from service.schemas import Draft, DraftInfo, DraftPage, DraftState, Feedback, FeedbackIn, Finding, Inquiry
from service.text.edits import Edit

_FATE = {"state", "superseded_by"}
"""Fields of a draft that change after it was given out; they are columns."""


@dataclass(frozen=True, slots=True)
class WantedDrafts:
    """Which drafts of a shop are listed; None means any."""

    conversation: str | None = None
    state: DraftState | None = None
    since: datetime | None = None
    """Made at this time or later."""


class DraftStore:
    """Keeps drafts by id and shop; one shop never sees another's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def waiting(self) -> int:
        """Pieces that wait to be written by this process, of whatever kind."""
        return self._database.writer.waiting

    async def reach(self) -> str:
        """The schema's version, read just now; after a write that failed, one more is tried.

        Raises:
            Unavailable, EnvironmentProblem: drafts cannot be read, or not be kept.
        """
        if self._database.writer.trouble is not None:
            await try_writing(self._database)
        return await revision(self._database)

    async def save_draft(self, draft: Draft, inquiry: Inquiry) -> None:
        """Keep a draft; on disk when this returns.

        A draft that answers a newer message of its conversation supersedes the open ones before it. One that comes late
        is superseded itself, and then says so: its ``state`` and ``superseded_by`` are set here.

        Raises:
            Unavailable: the database is busy or the disk is full.
        """
        conversation, buyer = inquiry.context.conversation or None, (inquiry.context.buyer or "").strip()
        row = {
            "id": draft.id,
            "shop": draft.shop,
            "created_at": draft.created_at,
            "knowledge_version": draft.knowledge_version,
            "inquiry": JsonText(inquiry.model_dump_json()),
            "draft": JsonText(draft.model_dump_json(by_alias=True, exclude=_FATE)),
            "conversation": conversation,
            "state": "open",
            "superseded_by": None,
            **traits_of(draft, inquiry),
            "buyer": buyer_digest(self._database.secret, draft.shop, buyer) if buyer else None,
        }
        if conversation is None:
            await self._database.insert(drafts, row, audit=[draft_made(draft)])
            draft.state, draft.superseded_by = "open", None
            return
        turns = turns_of(inquiry)

        async def work(connection: AsyncConnection) -> str | None:
            newer = await _place(connection, draft, conversation, turns)
            fate = {"state": "superseded" if newer else "open", "superseded_by": newer}
            await connection.execute(insert(drafts), {**row, **fate})
            return newer

        draft.superseded_by = await self._database.write(work, audit=lambda newer: [draft_made(draft, newer)])
        draft.state = "superseded" if draft.superseded_by else "open"

    async def get_draft(self, draft_id: str, shop: str) -> tuple[Draft, Inquiry] | None:
        """The draft and its inquiry, or None when this shop has no such draft."""
        columns = (drafts.c.draft, drafts.c.inquiry, drafts.c.state, drafts.c.superseded_by)
        query = select(*columns).where(drafts.c.id == draft_id, drafts.c.shop == shop)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return None
        made = {**row.draft, "state": row.state, "superseded_by": row.superseded_by}
        return Draft.model_validate(made), Inquiry.model_validate(row.inquiry)

    async def get_feedback(self, draft_id: str, shop: str) -> Feedback | None:
        """What a person made of a draft of this shop; None while nobody has said."""
        query = select(feedback).where(feedback.c.draft_id == draft_id, feedback.c.shop == shop)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).mappings().first()
        return _feedback(dict(row)) if row else None

    async def list_drafts(self, shop: str, wanted: WantedDrafts, limit: int, before: str | None = None) -> DraftPage:
        """Drafts of a shop, newest first.

        Args:
            shop: whose.
            wanted: which.
            limit: rows at most.
            before: ``next`` of the page in front of this one.
        """
        inside = ("verdict", "scenario", "scenario_name", "reply")
        names = ("id", "created_at", "shop", "conversation", "state", "superseded_by")
        query = (
            select(
                *(drafts.c[name] for name in names),
                *(drafts.c.draft[name].as_string().label(name) for name in inside),
                drafts.c.draft[("writer", "kind")].as_string().label("writer"),
                *(column.label(f"feedback_{column.name}") for column in feedback.c),
            )
            .outerjoin(feedback, feedback.c.draft_id == drafts.c.id)
            .where(drafts.c.shop == shop)
            .order_by(drafts.c.id.desc())
            .limit(limit + 1)
        )
        if wanted.conversation is not None:
            query = query.where(drafts.c.conversation == wanted.conversation)
        if wanted.state is not None:
            query = query.where(drafts.c.state == wanted.state)
        if wanted.since is not None:
            query = query.where(drafts.c.created_at >= wanted.since)
        if before is not None:
            query = query.where(drafts.c.id < before)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        shown = [_info(row) for row in rows[:limit]]
        return DraftPage(drafts=shown, next=shown[-1].id if len(rows) > limit else None)

    async def give_feedback(
        self,
        draft_id: str,
        shop: str,
        given: FeedbackIn,
        passed: bool | None,
        findings: Sequence[Finding],
        edit: Edit | None = None,
    ) -> Feedback:
        """Write down what a person made of a draft; the same again changes nothing and answers the same.

        Args:
            draft_id: which draft.
            shop: whose.
            given: what the person did.
            passed: whether the text that was sent passed; None when none was told.
            findings: what was found in it.
            edit: how it differs from the draft; None when none was told.

        Raises:
            NotFound: this shop has no such draft.
            Conflict: ``feedback_given`` — other feedback is there; ``draft_superseded`` — a newer message was answered.
            Unavailable: the database is busy or the disk is full.
        """
        row = {
            "draft_id": draft_id,
            "shop": shop,
            **given.model_dump(),
            "passed": passed,
            "findings": [finding.model_dump(mode="json") for finding in findings],
            "given_at": datetime.now(UTC),
            **_measured(given, findings, edit),
        }

        async def work(connection: AsyncConnection) -> dict[str, Any]:
            mine = (drafts.c.id == draft_id, drafts.c.shop == shop)
            columns = (drafts.c.state, drafts.c.conversation, drafts.c.made_at, drafts.c.scenario)
            draft = (await connection.execute(select(*columns).where(*mine).with_for_update())).first()
            if draft is None:
                raise NotFound("draft_not_found", id=draft_id[:80])
            there = await connection.execute(select(feedback).where(feedback.c.draft_id == draft_id))
            before = there.mappings().first()
            if before is not None:
                return _again(dict(before), row)
            if draft.state == "superseded":
                raise await _superseded(connection, draft_id, shop, draft.conversation)
            await connection.execute(insert(feedback).values(row))
            edited = None if given.action == "rejected" else row["edited"]
            fate: dict[str, Any] = {"state": given.action, "edited": edited}
            waited = (row["given_at"] - draft.made_at).total_seconds() if draft.made_at else None
            fate["waited"] = None if waited is None else max(0, int(waited))
            await connection.execute(update(drafts).where(*mine).values(fate))
            tell(connection, feedback_given(row))
            await _tell_hooks(connection, row, draft.scenario, fate["waited"])
            return row

        return _feedback(await self._database.write(work))


async def _place(connection: AsyncConnection, draft: Draft, conversation: str, turns: str) -> str | None:
    """The newer draft of the conversation, if there is one; if not, the older ones are superseded by this one."""
    same = (conversations.c.shop == draft.shop, conversations.c.conversation == conversation)
    query = select(conversations.c.turns, conversations.c.newest).where(*same).with_for_update()
    known = (await connection.execute(query)).first()
    if known is None:
        row = {"shop": draft.shop, "conversation": conversation, "turns": turns, "newest": draft.id}
        if await insert_new(connection, conversations, [row]):
            return None
        known = (await connection.execute(query)).one()  # another process was quicker
    later = draft.id > known.newest  # ids sort by when their drafting began
    relation = compare(known.turns, turns)
    if relation == "older" or (relation == "apart" and not later):
        return str(known.newest)
    if relation != "same":
        older = (drafts.c.shop == draft.shop, drafts.c.conversation == conversation, drafts.c.state == "open")
        await connection.execute(update(drafts).where(*older).values(state="superseded", superseded_by=draft.id))
        await connection.execute(update(conversations).where(*same).values(turns=turns, newest=draft.id))
    elif later:
        longest = max(known.turns, turns, key=len)
        await connection.execute(update(conversations).where(*same).values(turns=longest, newest=draft.id))
    return None


async def _superseded(connection: AsyncConnection, draft_id: str, shop: str, conversation: str) -> Conflict:
    """The refusal that names the draft a person should look at now: the newest, not the next."""
    same = (conversations.c.shop == shop, conversations.c.conversation == conversation)
    newest = (await connection.execute(select(conversations.c.newest).where(*same))).scalar_one()
    error = Conflict("draft_superseded", id=draft_id, newer=newest)
    error.extra = {"superseded_by": newest}
    return error


async def _tell_hooks(
    connection: AsyncConnection, row: dict[str, Any], scenario: str | None, waited: int | None
) -> None:
    """Put down for the shop's hooks that a draft was used."""
    if row["action"] == "rejected":
        return
    told = {"draft": row["draft_id"], "scenario": scenario, "passed": row["passed"], "findings": len(row["findings"])}
    measured = {"edited_permille": row["edited"], "waited_s": waited}
    await emit(connection, Happened(f"draft.{row['action']}", row["shop"], told | measured))


def _measured(given: FeedbackIn, findings: Sequence[Finding], edit: Edit | None) -> dict[str, Any]:
    """What analytics asks of feedback, as columns of its row."""
    broken = dict.fromkeys(one.rule for one in findings if one.severity == "block")
    row: dict[str, Any] = {"overrode": ",".join(broken)[:1000] or None}
    if edit is None:
        return row | dict.fromkeys(("distance", "edited", "kept", "changed", "dropped", "added"))
    taken = given.action == "adopted"
    return row | {
        "distance": 0 if taken else edit.distance,
        "edited": 0 if taken else round(1000 * edit.ratio),
        "kept": ",".join(edit.kept),
        "changed": ",".join(edit.changed),
        "dropped": ",".join(edit.dropped),
        "added": edit.added,
    }


def _again(before: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """The feedback that is there, if it is the same."""
    if any(before[name] != row[name] for name in ("action", "final_text", "reason")):
        raise Conflict("feedback_given", id=row["draft_id"], action=phrase(f"feedback_{before['action']}"))
    return before


def _feedback(row: dict[str, Any]) -> Feedback:
    told = {name: row[name] for name in Feedback.model_fields if name in row}
    notice = phrase("feedback_blocked") if row["passed"] is False else None
    return Feedback.model_validate({**told, "draft": row["draft_id"], "notice": notice})


def _info(row: Any) -> DraftInfo:
    given = {name.removeprefix("feedback_"): value for name, value in row.items() if name.startswith("feedback_")}
    told = {name: row[name] for name in DraftInfo.model_fields if name != "feedback"}
    return DraftInfo.model_validate({**told, "feedback": _feedback(given) if given["draft_id"] else None})
