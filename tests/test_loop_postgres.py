"""Analytics and the outbox on PostgreSQL: the same tests, another engine."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest

from service.database.session import Database
from tests import engines
from tests.test_analytics import (
    test_questions_alike_are_one_and_nobody_is_told_of,
    test_rules_people_override_and_refusals_that_turn,
    test_the_trend_is_against_the_window_before,
    test_what_became_of_drafts_is_counted,
    test_which_goods_cause_disputes_and_why,
)
from tests.test_webhooks import (
    receiver,
    settings,
    test_a_hook_hears_of_its_shop_and_its_events_only,
    test_a_lease_that_ran_out_is_taken_over,
    test_two_workers_do_not_send_the_same,
    test_what_fails_is_tried_again_with_the_same_event,
)

__all__ = [
    "receiver",
    "settings",
    "test_a_hook_hears_of_its_shop_and_its_events_only",
    "test_a_lease_that_ran_out_is_taken_over",
    "test_questions_alike_are_one_and_nobody_is_told_of",
    "test_rules_people_override_and_refusals_that_turn",
    "test_the_trend_is_against_the_window_before",
    "test_two_workers_do_not_send_the_same",
    "test_what_became_of_drafts_is_counted",
    "test_what_fails_is_tried_again_with_the_same_event",
    "test_which_goods_cause_disputes_and_why",
]
_names = (f"loop_{number}" for number in itertools.count())


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    opened = await Database.open(engines.postgres().fresh(next(_names)))
    assert opened.engine.dialect.name == "postgresql"
    yield opened
    await opened.close()
