"""Vectors from an endpoint, through the library's door: real SQLite, real Chroma, a real HTTP endpoint on loopback."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from service.errors import EmbeddingError
from service.library.store import Library
from service.rulebook.thesaurus import Thesaurus
from service.schemas import SearchRequest
from service.settings import Settings, read_settings
from tests.fake_model import FakeModel, Reply
from tests.fake_vectors import answer, embeds, spoilt

FREIGHT = "# 运费\n## 谁出\n无理由退货的，退回的运费由买家承担。\n\n商品有故障的，运费由店铺承担。\n"
CALM = "# 先安抚\n客户着急时先接住情绪，再讲规则。\n"
DOWN = Reply.status_of(503)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.llm_embed.PAUSE_S", 0.01)
    monkeypatch.setattr("service.library.filling.LOOK_S", 0.05)
    monkeypatch.setattr("service.library.filling.LONGEST_S", 0.2)


@pytest.fixture
def fake() -> Iterator[FakeModel]:
    with FakeModel() as server:
        server.vectors = embeds()
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "knowledge"
    (root / "rules" / "law").mkdir(parents=True)
    (root / "rules" / "law" / "freight.md").write_text(FREIGHT, encoding="utf-8")
    (root / "guidelines").mkdir()
    (root / "guidelines" / "calm.md").write_text(CALM, encoding="utf-8")
    return root


@pytest.fixture
def configured(data_dir: Path, fake: FakeModel) -> Settings:
    return read_settings(data_dir=data_dir, embedding_model="e-1", embedding_base_url=fake.url)


@asynccontextmanager
async def opened(settings: Settings, thesaurus: Thesaurus, owner: bool = False) -> AsyncIterator[Library]:
    library = await Library.open(settings, thesaurus, owner=owner)
    try:
        yield library
    finally:
        await library.close()


async def found(library: Library, query: str, **fields: Any) -> tuple[list[str], str | None]:
    result = await library.find(SearchRequest.model_validate({"query": query, **fields}))
    assert result.degraded is (result.reason is not None)
    return [passage.text for passage in result.passages], result.reason


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def upload(library: Library, text: str, **more: Any) -> Any:
    return library.add("a.txt", text.encode(), **{"kind": "shop", "publish": True, **more})


async def test_meaning_is_found_where_no_letter_is_shared(configured: Settings, thesaurus: Thesaurus, fake: FakeModel):
    async with opened(configured, thesaurus) as library:
        for text in ("屏幕有故障的走检测。", "礼盒少件的三天内补发。", "发票七天内开出。"):
            assert (await upload(library, text)).state == "published"
        texts, reason = await found(library, "啾啾")
        assert (texts[0], reason) == ("屏幕有故障的走检测。", None)
        assert library.search(SearchRequest(query="啾啾")) == []


def replace_settings(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)


async def test_the_same_query_is_asked_once(configured: Settings, thesaurus: Thesaurus, fake: FakeModel):
    async with opened(configured, thesaurus) as library:
        await upload(library, "退回的运费由买家承担。")
        await found(library, "邮费谁出")
        asked = len(fake.requests)
        await found(library, "邮费谁出")
        assert len(fake.requests) == asked


async def test_nothing_personal_leaves(configured: Settings, thesaurus: Thesaurus, fake: FakeModel):
    async with opened(configured, thesaurus) as library:
        await upload(library, "退货寄到浙江省杭州市西湖区文三路1号，电话13800138000。")
        await found(library, "我的电话13912345678，寄到上海市浦东新区世纪大道100号的邮费谁出")
    sent = "\n".join(fake.embedded)
    assert "邮费谁出" in sent
    for private in ("13800138000", "13912345678", "世纪大道100号", "文三路1号"):
        assert private not in sent


async def test_files_are_searched_at_once_and_by_meaning_once_their_vectors_are_there(
    configured: Settings, thesaurus: Thesaurus, fake: FakeModel, folder: Path
):
    fake.vectors = lambda request: DOWN
    async with opened(configured, thesaurus) as library:
        await library.sync(folder)
        assert library.document("law/freight", "default") is not None
        texts, reason = await found(library, "退回的运费")
        assert "运费由买家承担" in texts[0]
        assert reason == "embedding_pending"
        failed = await library.fill_vectors()
        assert (failed.made, failed.reason) == (0, "embedding_unavailable")
        assert failed.left == library.health()["chunks"]
        fake.vectors = embeds()
        told: list[tuple[int, int]] = []
        filled = await library.fill_vectors(lambda done, total, name: told.append((done, total)))
        assert (filled.left, filled.reason) == (0, None)
        assert told == [(filled.made, filled.made)] == [(library.health()["chunks"], filled.made)]
        assert (await found(library, "退回的运费"))[1] is None


async def test_an_upload_waits_for_its_vectors_and_is_never_half_visible(
    configured: Settings, thesaurus: Thesaurus, fake: FakeModel
):
    async with opened(configured, thesaurus, owner=True) as library:
        first = await upload(library, "礼盒少件的三天内补发。")
        assert (first.state, first.queued) == ("published", False)
        fake.vectors = lambda request: DOWN
        second = await upload(library, "礼盒少件的五天内补发。", document_id=first.id)
        assert (second.state, second.queued, second.version) == ("draft", True, 2)
        assert any("自动发布" in warning for warning in second.warnings)
        assert [p.text for p in library.search(SearchRequest(query="礼盒补发"))] == ["礼盒少件的三天内补发。"]
        await until(lambda: library.health()["vectors"]["waiting"] == 1)
        fake.vectors = embeds()
        await until(lambda: "五天" in library.search(SearchRequest(query="礼盒补发"))[0].text)
        assert len(library.search(SearchRequest(query="礼盒补发"))) == 1
        await until(lambda: library.health()["vectors"]["waiting"] == 0)
        assert library.health()["vectors"]["reason"] is None


async def test_what_waits_survives_a_restart(configured: Settings, thesaurus: Thesaurus, fake: FakeModel):
    fake.vectors = lambda request: DOWN
    async with opened(configured, thesaurus) as library:
        made = await upload(library, "礼盒少件的三天内补发。")
        assert made.queued
    fake.vectors = embeds()
    async with opened(configured, thesaurus) as again:
        filled = await again.fill_vectors()
        assert (filled.made, filled.published, filled.left) == (1, 1, 0)
        assert (await found(again, "礼盒"))[0] == ["礼盒少件的三天内补发。"]


async def test_what_waits_is_published_by_letters_when_the_endpoint_is_given_up(
    configured: Settings, thesaurus: Thesaurus, fake: FakeModel
):
    fake.vectors = lambda request: DOWN
    async with opened(configured, thesaurus) as library:
        assert (await upload(library, "礼盒少件的三天内补发。")).queued
    async with opened(replace_settings(configured, embedding_model=None), thesaurus, owner=True) as offline:
        await until(lambda: offline.health()["chunks"] == 1)
        assert (await found(offline, "礼盒")) == (["礼盒少件的三天内补发。"], None)


async def test_the_newest_wish_counts(configured: Settings, thesaurus: Thesaurus, fake: FakeModel):
    async with opened(configured, thesaurus) as library:
        made = await upload(library, "补发要三天。")
        fake.vectors = lambda request: DOWN
        await upload(library, "补发要五天。", document_id=made.id)
        newer = await upload(library, "补发要七天。", document_id=made.id)
        assert newer.queued
        fake.vectors = embeds()
        assert (await library.fill_vectors()).published == 1
        assert (await found(library, "补发几天"))[0] == ["补发要七天。"]
        fake.vectors = lambda request: DOWN
        waits = await upload(library, "补发要九天。", document_id=made.id)
        await library.publish(made.id, newer.version)
        fake.vectors = embeds()
        assert (await library.fill_vectors()).published == 0
        assert waits.version == 4
        assert (await found(library, "补发几天"))[0] == ["补发要七天。"]


async def test_a_rollback_to_a_version_without_vectors_waits_too(
    configured: Settings, thesaurus: Thesaurus, fake: FakeModel
):
    async with opened(replace_settings(configured, embedding_model=None), thesaurus) as offline:
        made = await upload(offline, "补发要三天。")
        await upload(offline, "补发要五天。", document_id=made.id)
    async with opened(configured, thesaurus) as library:
        await library.fill_vectors()
        fake.vectors = lambda request: DOWN
        state = await library.rollback(made.id)
        assert (state.published, state.queued) == (2, 1)
        assert "自动发布" in state.warnings[-1]
        fake.vectors = embeds()
        await library.fill_vectors()
        assert (await found(library, "补发几天"))[0] == ["补发要三天。"]
        assert (await library.rollback(made.id)).published == 2


async def test_a_dead_endpoint_costs_only_the_first_queries(
    configured: Settings, thesaurus: Thesaurus, fake: FakeModel, monkeypatch: pytest.MonkeyPatch
):
    async with opened(configured, thesaurus) as library:
        await upload(library, "退回的运费由买家承担。")
        assert (await found(library, "邮费谁出"))[1] is None
        fake.vectors = lambda request: DOWN
        for n in range(2):
            texts, reason = await found(library, f"运费问题{n}")
            assert (texts, reason) == (["退回的运费由买家承担。"], "embedding_unavailable")
        asked = len(fake.requests)
        for n in range(10):
            assert (await found(library, f"还是运费问题{n}"))[1] == "embedding_unavailable"
        assert len(fake.requests) == asked
        assert (await found(library, "邮费谁出"))[1] is None  # what was asked before is known
        assert library.health()["vectors"]["reason"] == "embedding_unavailable"
        monkeypatch.setattr("service.library.breaker.REST_S", 0.0)
        fake.vectors = embeds()
        library._embedder._breaker._until = 0.0  # type: ignore[attr-defined]  # as if the rest were over
        assert (await found(library, "运费归谁"))[1] is None
        assert library.health()["vectors"]["reason"] is None


async def test_a_silent_endpoint_is_not_waited_for(
    configured: Settings, thesaurus: Thesaurus, fake: FakeModel, monkeypatch: pytest.MonkeyPatch
):
    async with opened(configured, thesaurus) as library:
        await upload(library, "退回的运费由买家承担。")
        monkeypatch.setattr("service.library.semantic.QUERY_DEADLINE_S", 0.2)
        fake.vectors = lambda request: Reply(way="hang")
        async with asyncio.timeout(10):
            texts, reason = await found(library, "运费谁出")
        assert (texts, reason) == (["退回的运费由买家承担。"], "embedding_timeout")


@pytest.mark.parametrize(
    "other",
    [embeds(dim=32), embeds(seed="other"), None],
    ids=["another length", "another model behind the name", "another name"],
)
async def test_another_models_vectors_are_never_mixed_in(
    configured: Settings, thesaurus: Thesaurus, fake: FakeModel, other: Any
):
    async with opened(configured, thesaurus) as library:
        await upload(library, "退回的运费由买家承担。")
    changed = configured if other else replace_settings(configured, embedding_model="e-2")
    fake.vectors = other or embeds(seed="e-2")
    async with opened(changed, thesaurus) as library:
        texts, reason = await found(library, "邮费谁出")
        assert (texts, reason) == (["退回的运费由买家承担。"], "embedding_changed")
        assert library.health()["vectors"]["reason"] == "embedding_changed"
        queued = await upload(library, "发票七天内开出。")
        assert queued.queued
        assert any("youli knowledge reindex" in warning for warning in queued.warnings)
        rebuilt = await library.rebuild_vectors()
        assert (rebuilt.left, rebuilt.published, rebuilt.reason) == (0, 1, None)
        texts, reason = await found(library, "邮费谁出")
        assert (texts[0], reason) == ("退回的运费由买家承担。", None)
        assert (await found(library, "开发票"))[0][0] == "发票七天内开出。"
    fake.vectors = embeds()
    async with opened(configured, thesaurus) as library:  # and the way back is the same
        assert (await found(library, "邮费谁出"))[1] == "embedding_changed"


async def test_a_rebuild_that_fails_leaves_what_there_was_and_goes_on_later(
    configured: Settings, thesaurus: Thesaurus, fake: FakeModel, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("service.library.making.SLICE", 2)
    async with opened(configured, thesaurus) as library:
        for n in range(5):
            await upload(library, f"第{n}条：退回的运费由买家承担，货号{n}{n}{n}。")
        calls = iter(range(100))
        fake.vectors = lambda request: embeds(seed="new")(request) if next(calls) < 3 else DOWN
        with pytest.raises(EmbeddingError):
            await library.rebuild_vectors()
        fake.vectors = embeds()
        assert (await found(library, "邮费谁出"))[1] is None  # the old model is back: its vectors are still there
        fake.vectors = embeds(seed="new")
        before = len(fake.embedded)
        rebuilt = await library.rebuild_vectors()
        assert (rebuilt.made, rebuilt.left) == (3, 0)  # one slice of two had been made before the endpoint failed
        assert sum("货号" in text for text in fake.embedded[before:]) == rebuilt.made
        assert (await found(library, "快递钱谁出"))[1] is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda request: answer([[float("nan")] * 64 for _ in request["input"]]),
        lambda request: answer([[0.0] * 64 for _ in request["input"]]),
        spoilt(lambda data: data[:-1]),
        embeds(dim=32),
    ],
    ids=["not numbers", "zeros", "too few", "too short"],
)
async def test_spoilt_vectors_are_neither_stored_nor_asked_with(
    configured: Settings, thesaurus: Thesaurus, fake: FakeModel, spoil: Any
):
    async with opened(configured, thesaurus) as library:
        await upload(library, "退回的运费由买家承担。")
        await found(library, "邮费谁出")
        fake.vectors = spoil
        made = await upload(library, "发票七天内开出。")
        assert made.queued
        texts, reason = await found(library, "运费")
        assert texts == ["退回的运费由买家承担。"]
        assert reason in ("embedding_bad_reply", "embedding_changed")


async def test_a_passage_the_endpoint_refuses_is_found_by_its_words(
    configured: Settings, thesaurus: Thesaurus, fake: FakeModel
):
    def picky(request: dict[str, Any]) -> Reply:
        bad = any("烟花" in text for text in request["input"])
        return Reply.status_of(400, {"code": "data_inspection_failed"}) if bad else embeds()(request)

    fake.vectors = picky
    async with opened(configured, thesaurus) as library:
        made = await upload(library, "退回的运费由买家承担。\n\n" + "本店不卖烟花爆竹。" * 20)
        assert made.state == "published"
        assert "烟花" in (await found(library, "烟花能退吗"))[0][0]
        assert (await found(library, "邮费谁出"))[1] is None


async def test_chroma_answers_with_the_endpoints_vectors(
    configured: Settings, thesaurus: Thesaurus, fake: FakeModel, folder: Path
):
    async with opened(configured, thesaurus, owner=True) as library:
        await library.sync(folder)
        await until(lambda: library.snapshot.lacking == 0)
        await until(lambda: library.health()["chroma"]["generation"] == library.snapshot.projection)
        assert library.health()["chroma"]["state"] == "ready"
        with_chroma = await found(library, "快递钱谁出")
        library._index = None
        assert await found(library, "快递钱谁出") == with_chroma


async def test_a_server_sees_what_another_process_filled(
    configured: Settings, thesaurus: Thesaurus, fake: FakeModel, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("service.library.filling.LOOK_S", 1e6)
    async with opened(configured, thesaurus, owner=True) as server, opened(configured, thesaurus) as shell:
        await asyncio.sleep(0.1)  # the server's only look, before there is anything
        await shell.sync(folder)
        assert (await shell.fill_vectors()).left == 0
        await until(lambda: server.snapshot.chunks and server.snapshot.lacking == 0)
        assert (await found(server, "邮费谁出"))[1] is None


async def test_probes_fit_one_call(library_rules: Any):
    assert len(set(library_rules.tuning.embed.probes)) == len(library_rules.tuning.embed.probes)
