"""Making vectors from the command line: a bar while it lasts, and a line that says what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.commands.progress import progress
from service.commands.words import word
from service.errors import EmbeddingError

if TYPE_CHECKING:
    from service.library.filling import Filled
    from service.library.store import Library


async def fill(library: Library, hidden: bool) -> Filled | None:
    """Make what vectors an endpoint has not made yet; None where vectors are made here."""
    if not library.health()["vectors"]["semantic"]:
        return None
    with progress(word("knowledge", "filling"), hidden) as told:
        return await library.fill_vectors(told)


async def rebuild(library: Library, hidden: bool) -> Filled | None:
    """Make all vectors anew if the endpoint is another than the one that made them, else what is missing.

    An endpoint that fails is told; the next call goes on from there.
    """
    if not library.health()["vectors"]["semantic"]:
        return None
    from service.library.filling import Filled

    try:
        with progress(word("knowledge", "filling"), hidden) as told:
            return await library.rebuild_vectors(told)
    except EmbeddingError as error:
        return Filled(0, 0, library.snapshot.lacking, error.code)


def filled_line(filled: Filled) -> str:
    """What came of it."""
    if filled.reason is None:
        return word("knowledge", "filled", made=filled.made, published=filled.published)
    reason = EmbeddingError(filled.reason).detail
    return word("knowledge", "filled_part", made=filled.made, left=filled.left, reason=reason)
