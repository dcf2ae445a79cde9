from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.library.embed import HashNgram
from service.library.rules import LibraryRules
from service.library.snapshot import SHARED, Snapshot, SnapshotChunk, SnapshotDocument
from service.library.words import Tokeniser
from service.rulebook.thesaurus import Group, Thesaurus, build_thesaurus
from service.schemas import SearchRequest

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TEXTS = {
    "law/freight": ["质量有问题的，来回运费由商家承担。", "无理由退货的，退回的运费由买家承担。"],
    "law/window": ["签收后七天内可以无理由退货。", "最后一天是法定休假日的，顺延到假后第一天。"],
    "guidelines/calm": ["客户情绪激动时先安抚，等情绪平复再讲规则。", "真诚道歉一次就够，不要过度道歉。"],
}
WIDER = build_thesaurus(
    [Group(say=["邮费", "路费"], means=["运费"]), Group(say=["气炸了", "炸毛"], means=["情绪激动"])]
)


def document(name: str, **fields: object) -> SnapshotDocument:
    kind = "law" if name.startswith("law") else "guideline"
    base: dict[str, object] = {
        "id": name,
        "version": 1,
        "shop": SHARED,
        "kind": kind,
        "title": name,
        "authority": kind,
        "platform": None,
        "category": None,
        "questions": (),
        "created_at": NOW,
    }
    return SnapshotDocument(**{**base, **fields})  # type: ignore[arg-type]


def snapshot(
    rules: LibraryRules,
    documents: list[tuple[SnapshotDocument, list[str]]] | None = None,
    thesaurus: Thesaurus = WIDER,
    held: tuple[str, ...] = (),
) -> Snapshot:
    pairs = documents or [(document(name), texts) for name, texts in TEXTS.items()]
    embedder = HashNgram(rules.tuning.embed.dim)
    chunks = [
        SnapshotChunk(f"{d.id}@1#{i}", place, "", text, 0, len(text), text in held, embedder.embed([text])[0])
        for place, (d, texts) in enumerate(pairs)
        for i, text in enumerate(texts)
    ]
    return Snapshot("g1", [d for d, _ in pairs], chunks, Tokeniser(rules.words), embedder, thesaurus, rules.tuning)


def found(made: Snapshot, query: str, **fields: object) -> list[str]:
    return [p.text for p in made.search(SearchRequest.model_validate({"query": query, **fields}))]


def test_the_passage_that_says_it_comes_first(library_rules: LibraryRules):
    assert found(snapshot(library_rules), "无理由退货运费谁承担")[0] == TEXTS["law/freight"][1]


def test_talk_is_widened_to_the_words_of_documents(library_rules: LibraryRules):
    plain = snapshot(library_rules, thesaurus=build_thesaurus([]))
    assert found(plain, "气炸了") == []
    assert found(snapshot(library_rules), "气炸了")[0] == TEXTS["guidelines/calm"][0]


def test_a_typical_question_brings_its_document(library_rules: LibraryRules):
    pairs = [
        (document("law/a", questions=("晚了一天还能通融吗",)), ["签收后的期限按次日起算。"]),
        (document("law/b"), ["发票丢了可以补开。"]),
    ]
    assert found(snapshot(library_rules, pairs), "晚一天能通融不")[0] == "签收后的期限按次日起算。"


def test_a_question_that_names_its_section_brings_that_passage(library_rules: LibraryRules):
    texts = ["发票可以补开。", "签收后的期限按次日起算。"]
    embedder = HashNgram(library_rules.tuning.embed.dim)
    asked = document("law/a", questions=("晚了一天还能通融吗 ｜ 怎么数",))
    chunks = [
        SnapshotChunk(f"law/a@1#{i}", 0, f"规则 › {title}", text, 0, len(text), False, embedder.embed([text])[0])
        for i, (title, text) in enumerate(zip(["发票", "怎么数"], texts, strict=True))
    ]
    made = Snapshot(
        "g1", [asked], chunks, Tokeniser(library_rules.words), embedder, build_thesaurus([]), library_rules.tuning
    )
    assert found(made, "晚了一天还能通融吗")[0] == texts[1]


def test_traditional_and_full_width_find_the_same(library_rules: LibraryRules):
    made = snapshot(library_rules)
    assert found(made, "運費由買家承擔") == found(made, "运费由买家承担")


def test_held_passages_are_shown_as_held(library_rules: LibraryRules):
    text = TEXTS["law/window"][0]
    made = snapshot(library_rules, held=(text,))
    assert {p.text: p.held for p in made.search(SearchRequest(query="七天无理由退货"))}[text]


FILTERS: list[tuple[dict[str, object], dict[str, object], bool]] = [
    ({"shop": "default"}, {}, True),
    ({"shop": "demo"}, {}, False),
    ({"shop": "demo"}, {"shop": "demo"}, True),
    ({"shop": SHARED}, {"shop": "demo"}, True),
    ({"kind": "law"}, {"kinds": ["law"]}, True),
    ({"kind": "shop"}, {"kinds": ["law", "platform"]}, False),
    ({}, {"documents": ["law/x"]}, True),
    ({}, {"documents": ["law/y"]}, False),
    ({}, {"documents": []}, False),
    ({"platform": "淘宝"}, {"platform": "淘宝"}, True),
    ({"platform": "淘宝"}, {"platform": "京东"}, False),
    ({"platform": "淘宝、天猫"}, {"platform": "天猫"}, True),
    ({"platform": "天猫"}, {"platform": "天猫国际"}, True),
    ({"platform": "淘宝、天猫"}, {"platform": "抖音"}, False),
    ({"platform": None}, {"platform": "京东"}, True),
    ({"category": "美妆"}, {"category": "生鲜"}, False),
    ({"effective_from": NOW}, {"at": NOW - timedelta(seconds=1)}, False),
    ({"effective_from": NOW}, {"at": NOW}, True),
    ({"effective_to": NOW}, {"at": NOW}, False),
    ({"effective_to": NOW}, {"at": NOW - timedelta(seconds=1)}, True),
    ({"effective_to": NOW.replace(year=2020)}, {}, False),
]


@pytest.mark.parametrize(("fields", "request_fields", "there"), FILTERS)
def test_filters_are_exact(library_rules: LibraryRules, fields: dict, request_fields: dict, there: bool):
    made = snapshot(library_rules, [(document("law/x", **fields), ["运费由店铺承担。"])])
    assert bool(found(made, "运费", **request_fields)) is there


PRECEDENCE = ["law/own", "law/new", "law/old", "guidelines/z"]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_among_equals_force_then_scope_then_date_decide(library_rules: LibraryRules, missing: int):
    same = ["运费由店铺承担。"]
    pairs = [
        (document("guidelines/z", title="t"), same),
        (document("law/old", title="t", created_at=NOW - timedelta(days=9)), same),
        (document("law/new", title="t"), same),
        (document("law/own", title="t", shop="default"), same),
    ]
    left = [pair for pair in pairs if pair[0].id not in PRECEDENCE[:missing]]
    ranked = [p.document_id for p in snapshot(library_rules, left).search(SearchRequest(query="运费谁承担"))]
    assert ranked == PRECEDENCE[missing:]


def test_near_duplicates_do_not_fill_the_top(library_rules: LibraryRules):
    copies = [(document(f"guidelines/copy{i}"), [TEXTS["law/freight"][0]]) for i in range(8)]
    pairs = [*copies, (document("law/freight"), [TEXTS["law/freight"][1]])]
    top = found(snapshot(library_rules, pairs), "运费由商家承担", k=2)
    assert TEXTS["law/freight"][1] in top


CLEAN = [
    "邮费谁出",
    "无理由退货运费谁承担",
    "签收后几天能退",
    "客户气炸了",
    "最后一天是休息日",
    "要不要一直道歉",
    "质量有问题",
]


def test_a_flood_of_junk_changes_no_answer(library_rules: LibraryRules):
    pairs = [(document(name), texts) for name, texts in TEXTS.items()]
    words = ["退款", "运费", "退货", "客户", "质量"]
    junk = [(document(f"guidelines/junk{i}"), [f"{words[i % 5]} {words[i % 4]} " * 40]) for i in range(50)]
    clean, flooded = snapshot(library_rules, pairs), snapshot(library_rules, pairs + junk)
    for query in CLEAN:
        answers = found(clean, query)
        assert found(flooded, query)[: len(answers)] == answers, query


def test_what_repeats_itself_comes_last_even_when_asked_for(library_rules: LibraryRules):
    pairs = [
        (document("guidelines/junk"), ["退款 " * 60]),
        (document("law/refund"), ["收到退回商品之日起七日内退款。"]),
    ]
    assert found(snapshot(library_rules, pairs), "退款退款退款")[0] == "收到退回商品之日起七日内退款。"


def test_the_same_file_uploaded_twice_gives_each_passage_once_at_the_top(library_rules: LibraryRules):
    pairs = [(document(name), texts) for name, texts in TEXTS.items()]
    again = [(document("shop/copy", title="另一个名字", shop="default"), TEXTS["law/freight"])]
    top = found(snapshot(library_rules, pairs + again), "无理由退货运费谁承担", k=3)
    assert len(set(top)) == 3


def test_copies_do_not_make_a_word_common(library_rules: LibraryRules):
    pairs = [(document(name), texts) for name, texts in TEXTS.items()]
    copies = [(document(f"shop/copy{i}", shop="elsewhere"), TEXTS["law/freight"]) for i in range(9)]
    one, many = snapshot(library_rules, pairs), snapshot(library_rules, pairs + copies)
    scores = [[p.score for p in made.search(SearchRequest(query="运费谁出", k=4))] for made in (one, many)]
    assert scores[0] == scores[1]


def test_a_typical_question_brings_the_passage_that_answers_it(library_rules: LibraryRules):
    texts = ["签收之后第一天起算。", "照片看不清的请客户再拍一张，拍近一点。", "券已经用掉的按比例退。"]
    pairs = [(document("law/a", questions=("照片糊的还要重新拍吗",)), texts)]
    assert found(snapshot(library_rules, pairs), "糊的还要重新拍吗")[0] == texts[1]


def test_a_heading_alone_is_no_answer(library_rules: LibraryRules):
    embedder = HashNgram(library_rules.tuning.embed.dim)
    chunks = [
        SnapshotChunk(f"a@1#{i}", 0, section, text, 0, len(text), False, embedder.embed([text])[0])
        for i, (section, text) in enumerate([("运费谁出", "## 运费谁出"), ("运费谁出", "运费谁出看约定。")])
    ]
    made = Snapshot("g", [document("a")], chunks, Tokeniser(), embedder, WIDER, library_rules.tuning)
    assert found(made, "运费谁出") == ["运费谁出看约定。"]


def test_a_filter_asked_again_follows_the_clock(library_rules: LibraryRules):
    until = NOW + timedelta(hours=1)
    made = snapshot(library_rules, [(document("law/x", effective_to=until), ["运费由店铺承担。"])])
    answers = [bool(found(made, "运费", at=until + timedelta(seconds=s))) for s in (-1, 0, -1)]
    assert answers == [True, False, True]


def test_the_index_is_asked_for_ids_and_cannot_get_round_the_filters(library_rules: LibraryRules):
    made = snapshot(library_rules)
    everything = [chunk.id for chunk in made.chunks]
    asked: list[int] = []

    def index(vector: np.ndarray, k: int) -> list[str]:
        asked.append(k)
        return ["gone@9#0", *everything]

    passages = made.search(SearchRequest(query="运费", documents=["law/freight"]), index)
    assert asked
    assert {p.document_id for p in passages} == {"law/freight"}


@pytest.mark.parametrize("answer", [None, [], ["law/window@1#0"]])
def test_without_a_useful_index_answer_all_vectors_are_compared(library_rules: LibraryRules, answer: list[str] | None):
    made = snapshot(library_rules)
    request = SearchRequest(query="运费由商家承担")
    assert made.search(request, lambda vector, k: answer) == made.search(request)


@pytest.fixture(scope="module")
def shared(library_rules: LibraryRules) -> Snapshot:
    return snapshot(library_rules)


@given(st.text(min_size=1, max_size=120), st.integers(min_value=1, max_value=20))
def test_any_query_gives_at_most_k_different_passages(shared: Snapshot, query: str, k: int):
    passages = shared.search(SearchRequest(query=query, k=k))
    assert len(passages) <= k
    assert len({(p.document_id, p.text) for p in passages}) == len(passages)
    assert all(p.score > 0 for p in passages)


def test_an_empty_snapshot_answers_nothing(library_rules: LibraryRules):
    embedder = HashNgram(library_rules.tuning.embed.dim)
    made = Snapshot("g0", [], [], Tokeniser(), embedder, WIDER, library_rules.tuning)
    assert made.search(SearchRequest(query="运费")) == []
