"""``youli knowledge conflicts`` and ``youli knowledge rule``: what contradicts what, and which side holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.commands.knowledge import with_library
from service.commands.words import faint, name_of, printable, strong, word

if TYPE_CHECKING:
    from service.library.conflicts.disputes import Wanted
    from service.library.store import Library
    from service.schemas import Conflict, ConflictPage, ConflictSide
    from service.schemas.conflicts import Kept


def run_conflicts(state: Wanted, document: str | None, shop: str | None, as_json: bool) -> int:
    """List the contradictions between published documents."""

    async def work(library: Library) -> ConflictPage:
        return library.disputes.page(shop or "default", state, document)

    page = with_library(work, search=True, sync=True)
    if as_json:
        print(page.model_dump_json(indent=2))
        return 0
    for conflict in page.conflicts:
        _show(conflict)
    print(word("conflicts", "counted" if page.total else "none", total=page.total, open=page.open))
    return 0


def run_rule(key: str, keep: Kept, note: str | None, author: str | None, shop: str | None, as_json: bool) -> int:
    """Decide which side of a contradiction holds.

    Raises:
        NotFound: no such contradiction.
        Conflict: the side to be given up is law.
    """

    async def work(library: Library) -> Conflict:
        return await library.disputes.rule(key, keep, shop or "default", author=author, note=note)

    conflict = with_library(work, search=True, sync=True)
    if as_json:
        print(conflict.model_dump_json(indent=2))
        return 0
    _show(conflict)
    return 0


def _show(conflict: Conflict) -> None:
    kind = name_of("conflict_kind", conflict.kind)
    doubt = word("conflicts", "doubtful") if conflict.confidence == "low" else ""
    print(strong(printable(word("conflicts", "head", id=conflict.id, kind=kind, question=conflict.question) + doubt)))
    for name, side in (("left", conflict.left), ("right", conflict.right)):
        _show_side(name_of("conflict_side", name), side)
    if conflict.ruling is not None:
        kept = name_of("conflict_keep", conflict.ruling.keep)
        said = word(
            "conflicts", "ruled", keep=kept, at=f"{conflict.ruling.at:%Y-%m-%d}", note=conflict.ruling.note or ""
        )
        print(printable(said))


def _show_side(name: str, side: ConflictSide) -> None:
    authority = name_of("authority", side.authority)
    gone = word("conflicts", "overruled") if side.overruled else ""
    where = f"{side.title} › {side.section}" if side.section else side.title
    from_ = side.effective_from or side.created_at
    shown = {"name": name, "where": where, "authority": authority, "version": side.version, "at": f"{from_:%Y-%m-%d}"}
    print(printable(word("conflicts", "side", **shown) + gone))
    print(printable(word("conflicts", "quote", says=side.says, quote=" ".join(side.quote.split()))))
    if side.more:
        print(faint(word("conflicts", "more", count=len(side.more))))
