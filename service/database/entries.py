"""What is handed to the audit trail together with the work it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed, written in the transaction that does it: ids and digests, never a word of a buyer's or an agent's."""

    action: str
    """``object.deed`` in the past: ``draft.made``, ``document.published``, ``key.revoked``."""
    id: str
    """Of what it was done to."""
    shop: str
    details: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    """Versions, counts, digests: ``knowledge_version``, ``prompt``, ``verdict``, ``sha256`` …"""
