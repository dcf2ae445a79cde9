"""What becomes of drafts, in a real database: superseded ones, feedback, lists."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.database.drafts import DraftStore, WantedDrafts
from service.database.session import Database
from service.errors import Conflict, NotFound
from service.schemas import Draft, FeedbackIn, Finding, Inquiry
from tests.engines import url_of
from tests.fake_desk import a_draft


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DraftStore]:
    database = await Database.open(url_of(tmp_path / "y.sqlite3"))
    yield DraftStore(database)
    await database.close()


def asked(said: str, conversation: str | None = "c1", shop: str = "demo") -> Inquiry:
    """One customer turn a letter."""
    messages = [{"role": "customer", "content": f"第{letter}句"} for letter in said]
    return Inquiry.model_validate({"messages": messages, "shop": shop, "context": {"conversation": conversation}})


async def save(store: DraftStore, name: str, said: str, **rest: Any) -> Draft:
    inquiry = asked(said, **rest)
    draft = a_draft(inquiry, f"dft_{name}")
    await store.save_draft(draft, inquiry)
    return draft


async def fates(store: DraftStore, shop: str = "demo") -> dict[str, tuple[str, str | None]]:
    page = await store.list_drafts(shop, WantedDrafts(), 200)
    return {d.id.removeprefix("dft_"): (d.state, d.superseded_by and d.superseded_by[4:]) for d in page.drafts}


OPEN = ("open", None)
REJECTED = FeedbackIn(action="rejected")


async def test_a_newer_message_supersedes_what_was_open(store: DraftStore) -> None:
    await save(store, "1", "a")
    await save(store, "2", "ab")
    assert await fates(store) == {"2": OPEN, "1": ("superseded", "2")}
    found = await store.get_draft("dft_1", "demo")
    assert found is not None
    assert (found[0].state, found[0].superseded_by) == ("superseded", "dft_2")


async def test_a_regeneration_does_not(store: DraftStore) -> None:
    for name in "123":
        await save(store, name, "ab")
    assert await fates(store) == dict.fromkeys("123", OPEN)
    await save(store, "4", "abc")
    assert await fates(store) == {"4": OPEN, **dict.fromkeys("123", ("superseded", "4"))}


async def test_a_late_draft_of_an_older_message_is_superseded_at_birth_and_says_so(store: DraftStore) -> None:
    await save(store, "2", "ab")
    late = await save(store, "1", "a")
    assert (late.state, late.superseded_by) == ("superseded", "dft_2")
    again = await save(store, "3", "a")  # however late it began
    assert (again.state, again.superseded_by) == ("superseded", "dft_2")
    assert (await fates(store))["2"] == OPEN


async def test_of_messages_with_nothing_in_common_the_one_drafted_later_is_newer(store: DraftStore) -> None:
    await save(store, "2", "a")
    await save(store, "3", "b")
    await save(store, "1", "c")
    assert await fates(store) == {"3": OPEN, "2": ("superseded", "3"), "1": ("superseded", "3")}


async def test_what_has_feedback_stays_as_it_is_but_still_is_newer(store: DraftStore) -> None:
    await save(store, "1", "a")
    await store.give_feedback("dft_1", "demo", FeedbackIn(action="adopted"), True, [])
    await save(store, "2", "ab")
    await store.give_feedback("dft_2", "demo", REJECTED, None, [])
    await save(store, "0", "a")
    assert await fates(store) == {"2": ("rejected", None), "1": ("adopted", None), "0": ("superseded", "2")}


async def test_other_conversations_other_shops_and_none_at_all_are_left_alone(store: DraftStore) -> None:
    await save(store, "1", "a")
    await save(store, "2", "a", conversation="c2")
    await save(store, "3", "a", conversation=None)
    await save(store, "4", "a", conversation="")
    await save(store, "5", "a", shop="other")
    await save(store, "6", "ab")
    await save(store, "7", "ab", conversation=None)
    await save(store, "8", "ab", conversation="")
    assert await fates(store) == {**dict.fromkeys("234678", OPEN), "1": ("superseded", "6")}
    assert await fates(store, "other") == {"5": OPEN}


async def test_feedback_on_a_superseded_draft_names_the_newest_one(store: DraftStore) -> None:
    for name, said in (("1", "a"), ("2", "ab"), ("3", "abc"), ("4", "abc")):
        await save(store, name, said)
    with pytest.raises(Conflict) as caught:
        await store.give_feedback("dft_1", "demo", REJECTED, None, [])
    assert caught.value.code == "draft_superseded"
    assert "dft_4" in caught.value.detail
    assert caught.value.extra == {"superseded_by": "dft_4"}


async def test_feedback_is_given_once_and_the_same_again_is_answered_the_same(store: DraftStore) -> None:
    await save(store, "1", "a")
    found = [Finding(rule="r", category="vague", severity="block", start=0, end=2, excerpt="尽快", reason="没有准话")]
    edited = FeedbackIn(action="edited", final_text="尽快给您办", reason="急")
    first = await store.give_feedback("dft_1", "demo", edited, False, found)
    assert (first.passed, first.findings, first.action) == (False, found, "edited")
    assert first.notice is not None
    assert await store.give_feedback("dft_1", "demo", edited, True, []) == first
    for other in (REJECTED, edited.model_copy(update={"reason": None})):
        with pytest.raises(Conflict) as caught:
            await store.give_feedback("dft_1", "demo", other, None, [])
        assert caught.value.code == "feedback_given"
        assert "改后采用" in caught.value.detail
    page = await store.list_drafts("demo", WantedDrafts(), 5)
    assert page.drafts[0].feedback == first
    with pytest.raises(NotFound):
        await store.give_feedback("dft_1", "other", REJECTED, None, [])


async def test_given_feedback_is_answered_the_same_when_a_newer_message_has_come(store: DraftStore) -> None:
    await save(store, "1", "a")
    first = await store.give_feedback("dft_1", "demo", REJECTED, None, [])
    await save(store, "2", "ab")
    assert await store.give_feedback("dft_1", "demo", REJECTED, None, []) == first


async def test_two_at_once_in_any_order_end_the_same(store: DraftStore) -> None:
    for conversation in map(str, range(20)):
        pair = [save(store, f"{conversation}a", "a", conversation=conversation)]
        pair.append(save(store, f"{conversation}b", "ab", conversation=conversation))
        random.Random(conversation).shuffle(pair)
        await asyncio.gather(*pair)
    found = await fates(store)
    assert all(found[f"{n}b"] == OPEN and found[f"{n}a"] == ("superseded", f"{n}b") for n in range(20))


async def test_many_at_once_leave_one_newest(store: DraftStore) -> None:
    names = [f"{n:02}" for n in range(40)]
    random.Random(7).shuffle(names)
    said = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
    await asyncio.gather(*(save(store, name, said[: int(name) + 1]) for name in names))
    found = await fates(store)
    assert found.pop("39") == OPEN
    assert {state for state, _ in found.values()} == {"superseded"}
    assert all(by is not None and by > name for name, (_, by) in found.items())


async def test_of_many_different_feedbacks_at_once_one_is_written(store: DraftStore) -> None:
    await save(store, "1", "a")
    given = [FeedbackIn(action="rejected", reason=str(n)) for n in range(20)]
    answers = await asyncio.gather(
        *(store.give_feedback("dft_1", "demo", one, None, []) for one in given), return_exceptions=True
    )
    refused = [a for a in answers if isinstance(a, Conflict)]
    assert (len(refused), {a.code for a in refused}) == (19, {"feedback_given"})


def test_forty_threads_with_a_database_each(tmp_path: Path) -> None:
    """Several processes on one file is what this stands for: each has a writer of its own."""
    url = url_of(tmp_path / "y.sqlite3")
    asyncio.run(_prepare(url))
    failed: list[BaseException] = []
    gate = threading.Barrier(40)

    async def one(n: int) -> None:
        database = await Database.open(url)
        try:
            gate.wait(60)
            store = DraftStore(database)
            while True:
                try:
                    await save(store, f"{n:02}", "abcdefgh"[: n % 8 + 1], conversation=str(n // 8))
                    return
                except Exception as error:
                    if getattr(error, "code", "") != "db_busy":
                        raise
        finally:
            await database.close()

    def run(n: int) -> None:
        try:
            asyncio.run(one(n))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    found = asyncio.run(_fates_of(url))
    assert len(found) == 40
    assert sorted(name for name, fate in found.items() if fate == OPEN) == ["07", "15", "23", "31", "39"]


async def _prepare(url: str) -> None:
    await (await Database.open(url)).close()


async def _fates_of(url: str) -> dict[str, tuple[str, str | None]]:
    database = await Database.open(url)
    try:
        return await fates(DraftStore(database))
    finally:
        await database.close()


async def test_pages_follow_each_other_and_filters_hold(store: DraftStore) -> None:
    for n in range(7):
        await save(store, str(n), "a", conversation="c1" if n % 2 else "c2")
    seen, cursor = [], None
    while True:
        page = await store.list_drafts("demo", WantedDrafts(), 3, cursor)
        seen += [d.id for d in page.drafts]
        cursor = page.next
        if cursor is None:
            break
        await save(store, f"9{len(seen)}", "a", conversation="c3")  # what comes meanwhile disturbs no page
    assert seen == [f"dft_{n}" for n in range(6, -1, -1)]
    only = await store.list_drafts("demo", WantedDrafts(conversation="c1"), 50)
    assert [d.id for d in only.drafts] == ["dft_5", "dft_3", "dft_1"]
    await store.give_feedback("dft_3", "demo", REJECTED, None, [])
    rejected = await store.list_drafts("demo", WantedDrafts(state="rejected"), 50)
    assert [(d.id, d.reply, d.writer) for d in rejected.drafts] == [("dft_3", "收到，这就给您看。", "playbook")]
    made = datetime(2026, 11, 21, tzinfo=UTC)
    assert len((await store.list_drafts("demo", WantedDrafts(since=made), 50)).drafts) == 9
    assert (await store.list_drafts("demo", WantedDrafts(since=made + timedelta(seconds=1)), 50)).drafts == []
    assert (await store.list_drafts("nobody", WantedDrafts(), 50)).drafts == []


@pytest.mark.sqlite_only("a file of an older version")
async def test_drafts_of_an_older_version_are_open(tmp_path: Path) -> None:
    """A database of migration 0003 with a draft in it."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, text

    from service.database.session import MIGRATIONS

    path = tmp_path / "y.sqlite3"
    asked_then = asked("a")
    made = a_draft(asked_then, "dft_1").model_dump_json(by_alias=True, exclude={"state", "superseded_by"})
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        row = {"at": "2026-11-21 00:00:00", "inquiry": asked_then.model_dump_json(), "draft": made}
        connection.execute(text("INSERT INTO drafts VALUES ('dft_1', 'demo', :at, 'k', :inquiry, :draft)"), row)
    engine.dispose()
    database = await Database.open(f"sqlite+aiosqlite:///{path}")
    store = DraftStore(database)
    assert await fates(store) == {"1": OPEN}
    found = await store.get_draft("dft_1", "demo")
    assert found is not None and found[0].state == "open"
    await database.close()
