"""Who may see what: the filters of a search as masks over passages, kept for the next search that asks the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from service.schemas import SearchRequest

if TYPE_CHECKING:
    from service.library.snapshot import SnapshotDocument

Mask = NDArray[np.bool_]

SHARED = "*"
"""The shop of documents that hold for every shop."""
DEFAULT_SHOP = "default"

_KEPT = 256
"""Filters whose masks are kept; a shop's desk asks with a handful."""


class Scope:
    """The filters over one snapshot's documents.

    Args:
        documents: the snapshot's.
        document_of: each passage's place in them.
        open_: passages that may be shown at all.
    """

    def __init__(self, documents: Sequence[SnapshotDocument], document_of: NDArray[np.int64], open_: Mask) -> None:
        self._documents = documents
        self._document_of, self._open = document_of, open_
        self._since = np.array([_stamp(d.effective_from, -np.inf) for d in documents], dtype=np.float64)
        self._until = np.array([_stamp(d.effective_to, np.inf) for d in documents], dtype=np.float64)
        self._dated = bool(np.isfinite(self._since).any() or np.isfinite(self._until).any())
        self._standing = lru_cache(maxsize=_KEPT)(self._mask)

    def allowed(self, request: SearchRequest) -> Mask:
        """The passages that pass every filter of ``request``; without a time, what holds now. Not to be written to."""
        wanted = frozenset(request.documents) if request.documents is not None else None
        kinds = frozenset(request.kinds) if request.kinds is not None else None
        who, passages = self._standing(request.shop or DEFAULT_SHOP, kinds, wanted, request.platform, request.category)
        if not self._dated:
            return passages
        at = request.at or datetime.now(UTC)
        moment = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        holds = who & (self._since <= moment) & (moment < self._until)
        mask: Mask = holds[self._document_of] & self._open
        return mask

    def _mask(
        self,
        shop: str,
        kinds: frozenset[str] | None,
        wanted: frozenset[str] | None,
        platform: str | None,
        category: str | None,
    ) -> tuple[Mask, Mask]:
        """Documents and passages that pass what does not change with time."""
        passes = [
            document.shop in (SHARED, shop)
            and (kinds is None or document.kind in kinds)
            and (wanted is None or document.id in wanted)
            and _on(document.platform, platform)
            and (category is None or document.category in (None, category))
            for document in self._documents
        ]
        who = np.array(passes, dtype=np.bool_)
        passages: Mask = who[self._document_of] & self._open if len(self._document_of) else self._open
        return who, passages


def _stamp(at: datetime | None, missing: float) -> float:
    """Seconds; a time without a zone is UTC."""
    if at is None:
        return missing
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _on(named: str | None, asked: str | None) -> bool:
    """Whether a document holds on the platform asked for, which shop systems name in their own ways (``天猫国际``)."""
    return named is None or asked is None or any(name in asked for name in named.split("、"))
