"""Who counts, for a desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.database.analytics import AnalyticsStore
from service.insight.analytics import Counting
from service.insight.scales import scales
from service.insight.words import Names

if TYPE_CHECKING:
    from service.assembly import Desk


def counting_of(desk: Desk) -> Counting:
    """What windows are counted by, as the files stand now.

    Raises:
        RulebookError: ``knowledge/analytics.yaml`` is broken.
    """
    store = AnalyticsStore(desk.library.database)
    return Counting(store, Names(desk.rulebook), scales(desk.settings.knowledge_dir))
