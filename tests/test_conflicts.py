"""Where published documents contradict each other, what is ruled, and what drafts and search make of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Conflict, NotFound
from service.library.conflicts.detect import Published, detector_of
from service.library.conflicts.examples import check_topics
from service.library.conflicts.pairs import Source
from service.library.conflicts.statements import statements
from service.library.conflicts.topics import load_topics
from service.library.folder import read_folder
from service.library.ingest import ingest, sections_of
from service.library.outline import Section
from service.library.rules import LibraryRules
from service.library.store import Library
from service.rulebook.thesaurus import Thesaurus
from service.schemas import Passage, SearchRequest
from service.settings import Settings, read_settings
from tests.conftest import KNOWLEDGE

CLAIMS = KNOWLEDGE / "library" / "claims"
NOW = datetime(2026, 11, 22, tzinfo=UTC)

LAW = """---
kind: law
title: 退款
authority: law
---
# 退款
收到退货后七日内把货款退给客户。
"""
LOW = "# 退款说明\n收到退货后二十天内退款给客户。\n"
WIDER = "# 本店退款说明\n收到退货后两天内退款给客户。\n"
CALM = "# 先安抚\n接到投诉，先共情安抚，再讲规则。\n"
CLEAR = "# 先说结论\n回复客户先给结论，再讲原因。\n"


async def _added(library: Library, name: str, text: str, shop: str = "default", kind: str = "guideline") -> str:
    done = await library.add(name, text.encode(), kind=kind, shop=shop, publish=True)  # type: ignore[arg-type]
    return done.id


@pytest.fixture
async def two(library: Library) -> AsyncIterator[Library]:
    """A library with a law and a guideline below it."""
    await _added(library, "law.md", LAW, kind="law")
    await _added(library, "low.md", LOW)
    yield library


def _search(library: Library, query: str, shop: str = "default") -> list[Passage]:
    return library.search(SearchRequest(query=query, k=10, shop=shop))


def test_the_topics_hear_their_own_examples() -> None:
    assert check_topics(load_topics(CLAIMS)) == []


async def test_both_sides_are_shown_with_exact_quotes_law_on_the_left(two: Library) -> None:
    page = two.disputes.page()
    assert (page.total, page.open) == (1, 1)
    found = page.conflicts[0]
    assert (found.kind, found.state, found.left.authority, found.right.authority) == (
        "with_law",
        "open",
        "law",
        "guideline",
    )
    assert found.right.quote == "收到退货后二十天内退款给客户。"
    for side in (found.left, found.right):
        document = two.document(side.document_id, "default")
        assert document is not None
        assert document.text[side.start : side.end] == side.quote
    assert (found.left.overruled, found.right.overruled) == (False, True)


async def test_while_open_the_side_below_the_law_is_found_but_not_used(two: Library) -> None:
    found = two.disputes.page().conflicts[0]
    passages = {p.document_id: p for p in _search(two, "收到退货后多久退款给客户") if "收到退货" in p.text}
    low, law = passages[found.right.document_id], passages[found.left.document_id]
    assert (low.overruled, low.usable, low.conflicts) == (True, False, [found.id])
    assert (law.overruled, law.usable, law.conflicts) == (False, True, [found.id])
    cited = two.document(found.right.document_id, "default")
    assert cited is not None
    assert cited.sections == ()


async def test_a_ruling_is_kept_used_and_moves_the_pointer(two: Library) -> None:
    before = two.knowledge_pointer
    key = two.disputes.page().conflicts[0].id
    ruled = await two.disputes.rule(key, "both", author="王", note="两码事")
    assert (ruled.state, ruled.ruling and ruled.ruling.keep, ruled.right.overruled) == ("ruled", "both", False)
    assert two.knowledge_pointer != before
    assert not any(p.overruled for p in _search(two, "收到退货后多久退款给客户"))
    assert two.disputes.page().total == 0
    assert [c.id for c in two.disputes.page(state="ruled").conflicts] == [key]
    again = await two.disputes.rule(key, "left")
    assert again.ruling is not None
    assert (again.ruling.keep, [one["note"] for one in again.ruling.before]) == ("left", ["两码事"])
    assert again.right.overruled


async def test_a_ruling_outlives_versions_that_leave_the_quotes_alone(two: Library) -> None:
    found = two.disputes.page().conflicts[0]
    await two.disputes.rule(found.id, "both")
    low = found.right.document_id
    await two.add("low.md", (LOW + "\n客服周末也在。\n").encode(), publish=True, document_id=low)
    assert [c.id for c in two.disputes.page(state="ruled").conflicts] == [found.id]
    changed = LOW.replace("二十天", "三十天")
    await two.add("low.md", changed.encode(), publish=True, document_id=low)
    assert (two.disputes.page().open, two.disputes.page(state="ruled").total) == (1, 0)


async def test_a_ruling_is_there_after_a_restart(two: Library, settings: Settings, thesaurus: Thesaurus) -> None:
    key = two.disputes.page().conflicts[0].id
    await two.disputes.rule(key, "both")
    other = await Library.open(settings, thesaurus)
    try:
        assert other.disputes.one(key).state == "ruled"
        assert other.health()["conflicts"] == 0
    finally:
        await other.close()


async def test_the_law_cannot_lose_and_an_unknown_id_is_told(two: Library) -> None:
    key = two.disputes.page().conflicts[0].id
    with pytest.raises(Conflict) as refused:
        await two.disputes.rule(key, "right")
    assert refused.value.code == "law_stands"
    with pytest.raises(NotFound):
        two.disputes.one("0" * 24)
    kept = await two.disputes.rule(key, "neither")
    assert (kept.left.overruled, kept.right.overruled) == (False, True)


async def test_between_equals_nothing_is_overruled_until_somebody_rules(library: Library) -> None:
    calm, clear = await _added(library, "calm.md", CALM), await _added(library, "clear.md", CLEAR)
    found = library.disputes.page().conflicts[0]
    assert found.kind == "between"
    assert all(p.usable for p in _search(library, "先共情还是先给结论"))
    keep = "left" if found.left.document_id == calm else "right"
    await library.disputes.rule(found.id, keep)
    usable = {p.document_id: p.usable for p in _search(library, "先共情还是先给结论")}
    assert usable == {calm: True, clear: False}
    assert library.disputes.page(state="all", document="doc_unknown").total == 0
    assert library.disputes.page(state="all", document=clear).total == 1


async def test_more_than_the_law_asks_is_no_contradiction(library: Library) -> None:
    await _added(library, "law.md", LAW, kind="law")
    await _added(library, "wide.md", WIDER)
    assert library.disputes.page().total == 0


async def test_a_contradiction_is_seen_only_by_the_shop_that_sees_both(library: Library) -> None:
    await _added(library, "calm.md", CALM, shop="one")
    await _added(library, "clear.md", CLEAR, shop="two")
    assert library.disputes.page("one").total == library.disputes.page("two").total == 0
    await _added(library, "clear.md", CLEAR.replace("回复客户", "回客户"), shop="one")
    key = library.disputes.page("one").conflicts[0].id
    assert library.disputes.page("two").total == library.disputes.page("default").total == 0
    with pytest.raises(NotFound):
        library.disputes.one(key, "two")
    with pytest.raises(NotFound):
        await library.disputes.rule(key, "left", "two")


async def test_documents_of_other_times_or_platforms_do_not_contradict(library: Library) -> None:
    front = "---\nkind: guideline\ntitle: {0}\n{1}\n---\n"
    calm = front.format("先安抚", "platform: 淘宝\neffective_to: 2026-06-01") + CALM
    await _added(library, "calm.md", calm)
    await _added(library, "clear.md", front.format("先结论", "platform: 淘宝\neffective_from: 2026-07-01") + CLEAR)
    await _added(library, "jd.md", front.format("京东先结论", "platform: 京东") + CLEAR)
    assert library.disputes.page().total == 0


async def test_what_was_found_is_kept_and_a_damaged_file_only_means_looking_again(
    two: Library, settings: Settings, thesaurus: Thesaurus
) -> None:
    kept = settings.data_dir / "contradictions.json"
    whole = two.disputes.page().model_dump()
    for content in (kept.read_bytes(), b"{", b'{"state": 1}'):
        kept.write_bytes(content)
        other = await Library.open(settings, thesaurus)
        assert other.disputes.page().model_dump() == whole
        await other.close()


async def test_without_topics_nobody_looks(tmp_path: Path, thesaurus: Thesaurus) -> None:
    knowledge = tmp_path / "knowledge"
    (knowledge / "library").mkdir(parents=True)
    for path in (KNOWLEDGE / "library").glob("*.yaml"):
        (knowledge / "library" / path.name).write_bytes(path.read_bytes())
    library = await Library.open(read_settings(data_dir=tmp_path / "data", knowledge_dir=knowledge), thesaurus)
    await _added(library, "calm.md", CALM)
    await _added(library, "clear.md", CLEAR)
    assert library.disputes.page().total == 0
    await library.close()


async def test_sentences_no_topic_asks_about_are_compared_by_their_words(library: Library) -> None:
    one = await _added(library, "one.md", "上门安装需要提前两天预约师傅。\n\n周末客服轮班，每班八小时。\n")
    two = await _added(library, "two.md", "上门安装需提前五天预约师傅。\n\n仓库每天盘点一次。\n")
    found = library.disputes.page().conflicts
    assert [(c.confidence, c.kind, {c.left.document_id, c.right.document_id}) for c in found] == [
        ("low", "between", {one, two})
    ]
    assert all(p.usable for p in _search(library, "上门安装要提前几天预约"))


def test_the_same_folder_is_read_once() -> None:
    assert detector_of(CLAIMS) is detector_of(CLAIMS)


def _published(number: int, told: str) -> Published:
    sentence, _, heading = (part.strip() for part in told.partition("｜"))
    source = Source(f"d{number}", 1, "*", "", "guideline", "guideline", None, NOW, None, None)
    return Published(source, sentence, lambda: [Section(heading, 1, 0, 0, len(sentence))])


@pytest.mark.parametrize("half", ["seen", "unseen", "later"])
def test_pairs_that_disagree_are_found_and_pairs_that_only_look_alike_are_not(half: str) -> None:
    pairs = yaml.load((Path(__file__).parent / "data" / "conflict_pairs.yaml").read_text("utf-8"), yaml.CBaseLoader)
    detector = detector_of(CLAIMS)
    wrong = [
        f"{kind}: {row}"
        for kind in ("clash", "agree")
        for row in pairs[half][kind]
        if bool(detector.run([_published(n, told) for n, told in enumerate(row.split("⚡"))])) != (kind == "clash")
    ]
    assert wrong == []


@given(st.text(alphabet="退货款运费不要可以七天15“”‘’。，；：、|\n-①质量问题由商家客户承担 ~《》", max_size=120))
def test_every_quote_is_the_document_itself(text: str) -> None:
    told = statements(text, [Section("", 0, 0, 0, len(text))], "", detector_of(CLAIMS).topics.reading)
    for statement in told:
        assert 0 <= statement.start < statement.end <= len(text)
        assert all(statement.start <= place < statement.end for place in statement.places)
        assert len(statement.places) == len(statement.text)


def test_the_shipped_documents_do_not_contradict_each_other(library_rules: LibraryRules) -> None:
    found = detector_of(CLAIMS).run(
        Published(
            Source(
                file.id, 1, "*", made.title, file.kind, made.front.authority or file.authority, None, NOW, None, None
            ),
            made.text,
            partial(sections_of, made.text, file.kind, made.title, library_rules),
        )
        for file in read_folder(KNOWLEDGE)
        for made in [ingest(Path(file.path).name, file.data, library_rules, kind=file.kind, own=True)]
    )
    assert [(clash.topic, clash.left.quote, clash.right.quote) for clash in found] == []
