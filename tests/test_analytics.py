"""Sums over drafts and feedback: counted right, small groups without rates, nobody's words, nobody else's shop."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, delete, text
from starlette.testclient import TestClient

from service.app import create_app
from service.cli import main
from service.database.analytics import AnalyticsStore, Window
from service.database.drafts import DraftStore
from service.database.session import MIGRATIONS, Database
from service.database.tables import drafts, feedback
from service.insight.analytics import Counting
from service.insight.scales import scales
from service.insight.words import Names
from service.schemas import Basis, Citation, Draft, FeedbackIn, Finding, Inquiry, Missing
from service.settings import Settings
from service.text.edits import edit_of
from tests.desk import KNOWLEDGE, shipped
from tests.fake_desk import a_draft, is_problem
from tests.prepared import ready

PHRASE = "阳台那把椅子晃得厉害，我坐上去就响"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'y.sqlite3'}")
    yield opened
    await opened.close()


class Shop:
    """A shop whose drafts are made one after the other."""

    def __init__(self, database: Database, name: str = "demo") -> None:
        self.database, self.store, self.name, self.count = database, DraftStore(database), name, 0

    async def draft(self, said: str = PHRASE, order: dict[str, Any] | None = None, **more: Any) -> Draft:
        self.count += 1
        context = {"conversation": more.pop("conversation", None), "buyer": more.pop("buyer", None)}
        inquiry = Inquiry.model_validate(
            {
                "messages": [{"role": "customer", "content": said}],
                "shop": self.name,
                "order": order or {},
                "context": context,
            }
        )
        draft = a_draft(inquiry, f"dft_{self.name}{self.count:04d}").model_copy(update=more)
        await self.store.save_draft(draft, inquiry)
        return draft

    async def give(self, draft: Draft, action: str, sent: str | None = None, found: Sequence[Finding] = ()) -> None:
        given = FeedbackIn.model_validate({"action": action, "final_text": sent})
        edit = edit_of([(step.step, step.text) for step in draft.steps], sent or draft.reply, 0.5)
        await self.store.give_feedback(
            draft.id, self.name, given, not found, found, None if action == "rejected" else edit
        )


def counting(database: Database) -> Counting:
    return Counting(AnalyticsStore(database), Names(shipped()), scales(KNOWLEDGE))


def lately(shop: str | None = "demo") -> Window:
    now = datetime.now(UTC)
    return Window(shop, now - timedelta(days=1), now + timedelta(seconds=5))


async def test_what_became_of_drafts_is_counted(database: Database) -> None:
    shop = Shop(database)
    for place in range(12):
        draft = await shop.draft(basis=Basis(boundary="overdue_no_reason", name="-"))
        if place < 6:
            await shop.give(draft, "adopted")
        elif place < 9:
            await shop.give(draft, "edited", draft.reply + "您稍等")
        elif place < 10:
            await shop.give(draft, "rejected")
    found = await counting(database).of(lately(), ("boundary",))
    assert (found.total.drafts, found.total.feedback) == (12, 10)
    adopted = found.total.adopted
    assert adopted is not None
    assert (adopted.value, adopted.n) == (0.6, 10)
    assert adopted.low == pytest.approx(0.3127, abs=1e-4)  # Wilson's interval for 6 of 10
    assert adopted.high == pytest.approx(0.8318, abs=1e-4)
    assert found.by["boundary"] == [
        found.total.model_copy(
            update={"key": "overdue_no_reason", "name": Names(shipped()).of("boundary", "overdue_no_reason")}
        )
    ]
    assert found.by["boundary"][0].name != "overdue_no_reason"
    assert found.sentences_added == 3
    assert [(one.step, one.kept, one.changed, one.dropped) for one in found.steps] == [("empathy", 9, 0, 0)]
    assert found.waited_s["median"] == 0
    assert found.total.edit_ratio is None  # three edits are too few for a median


async def test_a_small_group_has_counts_and_no_rates(database: Database) -> None:
    shop = Shop(database)
    for _ in range(9):
        await shop.give(await shop.draft(), "adopted")
    whole = (await counting(database).of(lately(), ())).total
    assert (whole.feedback, whole.counts, whole.adopted, whole.told) == (9, {"adopted": 9}, None, None)


async def test_superseded_drafts_count_in_no_rate(database: Database) -> None:
    shop = Shop(database)
    for place in range(10):
        await shop.draft(conversation=f"c{place}")
        inquiry = {"role": "customer", "content": PHRASE}
        await shop.store.save_draft(
            a_draft(
                newer := Inquiry.model_validate(
                    {"messages": [inquiry, inquiry], "shop": "demo", "context": {"conversation": f"c{place}"}}
                ),
                f"dft_x{place}",
            ),
            newer,
        )
    whole = (await counting(database).of(lately(), ())).total
    assert (whole.drafts, whole.superseded) == (20, 10)
    assert whole.told is not None
    assert whole.told.n == 10


async def test_which_goods_cause_disputes_and_why(database: Database) -> None:
    shop = Shop(database)
    chair = {"category": "家具", "product": "藤椅"}
    await shop.draft(order=chair, verdict="unreasonable", scenario="overdue_no_reason", threat="legal")
    await shop.draft(order=chair)
    await shop.draft(order={"category": "雨伞"})
    found = await counting(database).of(lately(), ())
    first, second = found.causes
    assert (first.category, first.product, first.drafts) == ("家具", "藤椅", 2)
    assert (first.unreasonable, first.overdue, first.threats) == (1, 1, 1)
    assert (first.before, first.change) == (0, None)
    assert (second.category, second.product) == ("雨伞", None)


async def test_the_trend_is_against_the_window_before(database: Database) -> None:
    shop = Shop(database)
    for _ in range(3):
        await shop.draft(order={"category": "家具"})
    earlier = datetime.now(UTC) - timedelta(days=1, hours=1)

    async def work(connection: Any) -> None:
        await connection.execute(drafts.update().where(drafts.c.id == "dft_demo0001").values(made_at=earlier))

    await database.write(work)
    row = (await counting(database).of(lately(), ())).causes[0]
    assert (row.drafts, row.before, row.change) == (2, 1, 1.0)


async def test_questions_alike_are_one_and_nobody_is_told_of(database: Database) -> None:
    shop = Shop(database)
    said = ["椅子坐上去吱呀响，能上门修吗？电话13812345678", "这椅子一坐上去就吱呀响，能不能上门修", "发票抬头开错了"]
    for one in said:
        await shop.draft(one, scenario="vague", missing=[Missing(fact="order.used", source="buyer", question="用过吗")])
    found = (await counting(database).of(lately(), ())).unanswered
    assert [one.times for one in found.questions] == [2, 1]
    assert found.questions[0].drafts == ["dft_demo0002", "dft_demo0001"]
    assert "13812345678" not in found.model_dump_json()
    assert found.drafts == found.fallback == 3
    assert found.asked_facts[0].times == 3


async def test_what_is_found_and_speaks_of_it_is_no_gap(database: Database) -> None:
    shop = Shop(database)
    there = Citation(id=1, document_id="d", title="t", section="s", quote=PHRASE, version=1, authority="guideline")
    await shop.draft(scenario="quality_in_window", guidance=[there])
    await shop.draft(scenario="quality_in_window", guidance=[there.model_copy(update={"quote": "别的事情"})])
    await shop.draft(scenario="quality_in_window")
    found = (await counting(database).of(lately(), ())).unanswered
    assert (found.drafts, found.unguided, found.uncovered, found.fallback) == (2, 1, 2, 0)


async def test_rules_people_override_and_refusals_that_turn(database: Database) -> None:
    shop = Shop(database)
    found = Finding(rule="sent_away", category="vague", severity="block", start=0, end=1, excerpt="x", reason="y")
    await shop.give(await shop.draft(verdict="unreasonable", conversation="c"), "rejected")
    await shop.give(await shop.draft(verdict="unreasonable", conversation="c"), "adopted")
    await shop.give(await shop.draft(), "edited", "您去问快递", [found])
    told = await counting(database).of(lately(), ())
    assert [(one.key, one.times) for one in told.overridden] == [("sent_away", 1)]
    assert told.overridden[0].name != "sent_away"
    assert told.turned.model_dump() == {
        "refusals_adopted": 1,
        "refusals_edited": 0,
        "refusals_rejected": 1,
        "rejected_then_used": 1,
    }


async def test_one_shop_sees_nothing_of_another(database: Database) -> None:
    for name, count in (("demo", 2), ("other", 3)):
        shop = Shop(database, name)
        for _ in range(count):
            await shop.give(await shop.draft(f"{name}的问题是什么"), "adopted")
    mine = await counting(database).of(lately("demo"))
    assert mine.total.drafts == 2
    assert "other" not in mine.model_dump_json()
    every = await counting(database).of(lately(None), ("shop",))
    assert [(one.key, one.drafts) for one in every.by["shop"]] == [("other", 3), ("demo", 2)]


async def test_a_deleted_draft_is_in_no_sum(database: Database) -> None:
    shop = Shop(database)
    for _ in range(3):
        await shop.give(await shop.draft(), "adopted")

    async def work(connection: Any) -> None:
        await connection.execute(delete(feedback).where(feedback.c.draft_id == "dft_demo0001"))
        await connection.execute(delete(drafts).where(drafts.c.id == "dft_demo0001"))

    await database.write(work)
    found = await counting(database).of(lately())
    assert found.total.counts == {"adopted": 2}
    assert sum(one.kept for one in found.steps) == 2
    assert sum(one.drafts for one in found.by["scenario"]) == sum(one.drafts for one in found.causes) == 2


@pytest.mark.sqlite_only("how it plans a query")
async def test_sums_are_read_off_the_index_alone(database: Database) -> None:
    """A draft is tens of kilobytes: reading them for a sum would take minutes where there are many."""
    from sqlalchemy import event

    asked: list[tuple[str, Any]] = []

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def heard(_c: Any, _k: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    store, window = AnalyticsStore(database), lately()
    await store.tallies(window, ("boundary", "scenario", "rule", "verdict", "threat"))
    await store.tallies(window, ("writer", "prompt", "degraded", "knowledge"))
    for one in (store.causes(window, ["x"], 5), store.turned(window), store.missing(window), store.waits(window)):
        await one
    await store.gaps(window, ["vague"], 100)
    plain = [one for one in asked if one[0].lstrip().startswith("SELECT")]
    assert len(plain) == 8
    async with database.reading() as connection:
        for statement, parameters in plain:
            plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all()
            assert "COVERING INDEX ix_drafts_traits" in " ".join(str(row) for row in plan), statement


@pytest.mark.sqlite_only("an older file")
def test_drafts_from_before_are_counted_after_the_migration(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    engine = create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    inquiry = Inquiry.model_validate(
        {"messages": [{"role": "customer", "content": PHRASE}], "order": {"category": "家具"}}
    )
    draft = a_draft(inquiry, "dft_01M3H2ZK6T0V8Q4N7X5C1B9RDE")
    old = {
        "id": draft.id,
        "shop": "demo",
        "created_at": "2020-01-01 00:00:00.000000",
        "knowledge_version": "1+abc",
        "inquiry": inquiry.model_dump_json(),
        "draft": draft.model_dump_json(by_alias=True),
    }
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        connection.execute(
            text(
                "INSERT INTO drafts (id, shop, created_at, knowledge_version, inquiry, draft, state) "
                "VALUES (:id, :shop, :created_at, :knowledge_version, :inquiry, :draft, 'edited')"
            ),
            old,
        )
        connection.execute(
            text(
                "INSERT INTO feedback (draft_id, shop, action, final_text, passed, findings, given_at) VALUES "
                "(:id, 'demo', 'edited', '收到，这就给您看看。', 1, '[]', '2099-01-01 00:00:00.000000')"
            ),
            {"id": draft.id},
        )

    async def look() -> None:
        database = await Database.open(f"sqlite+aiosqlite:///{path}")
        try:
            made = datetime(2026, 11, 22, tzinfo=UTC)
            async with database.reading() as connection:
                row = (await connection.execute(drafts.select())).mappings().one()
                told = (await connection.execute(feedback.select())).mappings().one()
            assert abs(row["made_at"] - made) < timedelta(days=400)  # its id tells, not the case's own time
            assert (row["category"], row["scenario"], row["guides"]) == ("家具", "vague", 0)
            assert (told["distance"], told["changed"], row["edited"]) == (1, "empathy", 100)
        finally:
            await database.close()

    asyncio.run(look())
    engine.dispose()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ready(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(auth="off", data_dir=home), hosts={"testserver"})) as running:
        body = {"messages": [{"role": "customer", "content": PHRASE}], "order": {"category": "=1+1", "product": "椅"}}
        made = running.post("/v1/drafts", json=body).json()
        running.post(
            f"/v1/drafts/{made['id']}/feedback", json={"action": "edited", "final_text": "您拍张照片给我看看。"}
        )
        yield running


def test_the_door_counts_what_went_through_the_doors(client: TestClient) -> None:
    body = client.get("/v1/analytics", params={"shop": "default", "by": ["scenario", "writer"]}).json()
    assert body["total"]["counts"] == {"edited": 1}
    assert set(body["by"]) == {"scenario", "writer"}
    assert body["by"]["writer"][0]["name"] == "话术"
    assert sum(one["dropped"] + one["changed"] for one in body["steps"]) > 0
    every = client.get("/v1/analytics").json()
    assert every["shop"] is None
    assert "shop" in every["by"]


def test_the_sheet_holds_no_formula(client: TestClient) -> None:
    answer = client.get("/v1/analytics", params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answer.text.lstrip("﻿"))))
    assert len({len(row) for row in rows[:-1]}) == 1
    assert not [one for row in rows for one in row if one[:1] in ("=", "+", "@", "\t")]
    assert any(one.startswith("'=1+1") for row in rows for one in row)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "window_empty"),
        ({"since": "2020-01-02T00:00:00Z"}, "window_too_long"),
        ({"since": "0001-01-01T00:00:00Z", "until": "0001-01-02T00:00:00Z"}, "window_too_long"),
        ({"until": "0001-01-02T00:00:00+14:00"}, "window_too_long"),
        ({"by": "colour"}, "invalid_request"),
        ({"format": "xml"}, "invalid_request"),
        ({"colour": "red"}, "invalid_request"),
    ],
)
def test_a_window_nobody_can_mean(client: TestClient, query: dict[str, str], code: str) -> None:
    is_problem(client.get("/v1/analytics", params=query), 422, code)


def test_the_command_line_shows_tables(
    client: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(home))
    assert main(["analytics", "--since", "7d", "--by", "scenario"]) == 0
    shown = capsys.readouterr().out
    assert "按场景" in shown
    assert "知识答不上的" in shown
    assert main(["analytics", "--since", "2d", "--json"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown[shown.index("{\n") :])["total"]["drafts"] == 1  # the module's server may have logged a line
    assert main(["analytics", "--since", "lately"]) == 2
    assert main(["analytics", "--by", "colour"]) == 2
