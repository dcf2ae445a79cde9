"""Contradictions as those who decide see them: listed, looked at, ruled on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from service.database.publishing import move_pointer
from service.database.rulings import put_ruling
from service.database.session import Database
from service.errors import Conflict as Clashing
from service.errors import NotFound
from service.library.conflicts.overruling import Keep, Ruling, Standing
from service.library.conflicts.pairs import Said
from service.library.scope import DEFAULT_SHOP
from service.schemas import Conflict, ConflictPage, ConflictQuote, ConflictSide, Ruled

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from service.library.current import Current

Wanted = Literal["open", "ruled", "all"]
_MOST_BEFORE = 50
"""Earlier rulings kept beside the one in force."""


class Disputes:
    """The contradictions of what is published.

    Args:
        database: keeps the rulings.
        current: what this process searches; refreshed after a ruling.
    """

    def __init__(self, database: Database, current: Current) -> None:
        self._database, self._current = database, current

    def page(self, shop: str = DEFAULT_SHOP, state: Wanted = "open", document: str | None = None) -> ConflictPage:
        """The contradictions between documents this shop sees, law first.

        Args:
            shop: whose.
            state: those nobody has ruled on, those somebody has, or all.
            document: only those this document is a side of.
        """
        standing = self._standing(shop)
        chosen = [
            one
            for one in standing
            if (state == "all" or (one.ruling is None) == (state == "open")) and _concerns(one, document)
        ]
        waiting = sum(one.ruling is None for one in standing)
        return ConflictPage(conflicts=list(map(shown, chosen)), total=len(chosen), open=waiting)

    def one(self, key: str, shop: str = DEFAULT_SHOP) -> Conflict:
        """A contradiction by its id, or by that of any pair of quotes in it.

        Raises:
            NotFound: there is none, or not between documents of this shop.
        """
        return shown(self._found(key, shop))

    async def rule(
        self, key: str, keep: Keep, shop: str = DEFAULT_SHOP, *, author: str | None = None, note: str | None = None
    ) -> Conflict:
        """Decide which side holds; a second ruling takes the place of the first, which is kept beside it.

        The pointer moves, so that drafts made after it say they rest on other knowledge.

        Raises:
            NotFound: as :meth:`one`.
            Conflict: ``law_stands`` — the side to be given up is law.
        """
        standing = self._found(key, shop)
        clash = standing.clash
        if clash.with_law and keep == "right":
            raise Clashing("law_stands", title=clash.left.source.title)
        former = standing.ruling if standing.ruling and standing.ruling.shop == shop else None
        claims = {"left": _quoted(clash.left), "right": _quoted(clash.right), "before": _before(former)}
        ruled_key = former.key if former else clash.key

        async def work(connection: AsyncConnection) -> None:
            await put_ruling(connection, ruled_key, shop, keep, claims, author, note)
            await move_pointer(connection)

        await self._database.write(work, alone=True)
        await self._current.refresh()
        return shown(self._found(key, shop))

    def _standing(self, shop: str) -> list[Standing]:
        return self._current.generation.contradictions.standing(shop)

    def _found(self, key: str, shop: str) -> Standing:
        found = next((one for one in self._standing(shop) if key in one.clash.keys), None)
        if found is None:
            raise NotFound("conflict_not_found", id=key)
        return found


def shown(standing: Standing) -> Conflict:
    """A contradiction as the contract has it."""
    clash, ruling = standing.clash, standing.ruling
    lost = {(one.source.id, one.claim.start) for one in standing.losing}
    return Conflict(
        id=clash.key,
        state="open" if ruling is None else "ruled",
        kind="with_law" if clash.with_law else "between",
        confidence="high" if clash.sure else "low",
        topic=clash.topic,
        question=clash.asks,
        left=_side(clash.left, clash.left_more, lost),
        right=_side(clash.right, clash.right_more, lost),
        ruling=_ruled(ruling, standing.keep) if ruling else None,
    )


def _side(said: Said, more: tuple[Said, ...], lost: set[tuple[str, int]]) -> ConflictSide:
    source = said.source
    return ConflictSide(
        **_quote(said).model_dump(),
        kind=source.kind,
        authority=source.authority,
        says=said.says,
        low=said.claim.low,
        high=said.claim.high,
        created_at=source.created_at,
        effective_from=source.effective_from,
        effective_to=source.effective_to,
        overruled=(source.id, said.claim.start) in lost,
        more=list(map(_quote, more)),
    )


def _quote(said: Said) -> ConflictQuote:
    source, claim = said.source, said.claim
    return ConflictQuote(
        document_id=source.id,
        title=source.title,
        section=claim.section,
        quote=said.quote,
        start=claim.start,
        end=claim.end,
        version=source.version,
    )


def _ruled(ruling: Ruling, keep: Keep | None) -> Ruled:
    return Ruled(
        keep=keep or ruling.keep,
        note=ruling.note,
        author=ruling.author,
        at=ruling.ruled_at,
        shop=ruling.shop,
        before=[dict(one) for one in ruling.claims.get("before", ())],
    )


def _quoted(said: Said) -> dict[str, Any]:
    return {
        "document": said.source.id,
        "version": said.source.version,
        "section": said.claim.section,
        "quote": said.quote,
    }


def _before(former: Ruling | None) -> list[Mapping[str, str | None]]:
    """Earlier rulings, oldest first, the one that is now replaced last."""
    if former is None:
        return []
    last = {"keep": former.keep, "author": former.author, "note": former.note, "at": former.ruled_at.isoformat()}
    return [*former.claims.get("before", ()), last][-_MOST_BEFORE:]


def _concerns(standing: Standing, document: str | None) -> bool:
    clash = standing.clash
    sides = (clash.left, clash.right, *clash.left_more, *clash.right_more)
    return document is None or any(one.source.id == document for one in sides)
