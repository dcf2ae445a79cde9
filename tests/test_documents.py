"""Versions of documents: what is live, who changed what, what may not be changed, what two versions differ in."""

from __future__ import annotations

import asyncio
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.database.history import Wanted
from service.database.publishing import Signed
from service.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed, RulebookError
from service.library.store import Library
from service.rulebook.cited import CitedRule, cited_rules, read_cited
from service.rulebook.thesaurus import Thesaurus
from service.settings import Settings, read_settings
from tests.desk import KNOWLEDGE, shipped
from tests.papers import HELD, added, gift, texts


async def states(library: Library, document_id: str) -> list[str]:
    return [row.state for row in (await library.history.versions(document_id)).versions]


async def test_every_change_adds_one_to_the_revision_and_is_written_down(library: Library):
    made = await added(library, gift("三"), author="小林", note="第一稿")
    assert made.revision == 1
    await library.publish(made.id, signed=Signed("店长", "看过了"))
    await added(library, gift("五"), document_id=made.id)
    await library.publish(made.id, 2)
    await library.rollback(made.id)
    state = await library.retire(made.id, signed=Signed("店长"))
    listed = await library.history.versions(made.id)
    assert [(c.revision, c.action, c.version) for c in listed.changes] == [
        (1, "added", 1),
        (2, "published", 1),
        (3, "added", 2),
        (4, "published", 2),
        (5, "rolled_back", 1),
        (6, "retired", 1),
    ]
    assert [(c.author, c.note) for c in listed.changes][:2] == [("小林", "第一稿"), ("店长", "看过了")]
    assert (state.revision, state.state, state.published) == (6, "retired", None)


async def test_what_changes_nothing_is_no_change(library: Library):
    made = await added(library, gift("三"), publish=True)
    pointer = library.knowledge_pointer
    assert (await library.publish(made.id, 1)).revision == made.revision
    await library.retire(made.id)
    gone = library.knowledge_pointer
    assert (await library.retire(made.id)).revision == 3
    assert pointer != gone == library.knowledge_pointer


async def test_a_rollback_takes_back_one_publication_after_the_other(library: Library):
    made = await added(library, gift("三"), publish=True)
    for days in ("五", "七"):
        await added(library, gift(days), document_id=made.id, publish=True)
    assert (await library.rollback(made.id)).published == 2
    assert (await library.rollback(made.id)).published == 1
    with pytest.raises(Conflict) as problem:
        await library.rollback(made.id)
    assert problem.value.code == "nothing_before"
    assert (await library.rollback(made.id, 3)).published == 3
    assert texts(library, "补发")[0].endswith("七天内补发。")


async def test_a_rollback_after_retiring_brings_back_what_was_live(library: Library):
    made = await added(library, gift("三"), publish=True)
    await added(library, gift("五"), document_id=made.id, publish=True)
    await library.retire(made.id)
    assert texts(library, "补发") == []
    assert (await library.rollback(made.id)).published == 2
    never = await added(library, gift("九"))
    with pytest.raises(Conflict):
        await library.rollback(never.id)


async def test_of_two_who_saw_the_same_revision_the_second_is_told_what_the_first_did(library: Library):
    made = await added(library, gift("三"), publish=True)
    seen = [made.revision]
    await added(library, gift("五"), document_id=made.id, expected=seen, author="小林")
    pointer = library.knowledge_pointer
    attempts = (
        added(library, gift("九"), document_id=made.id, expected=seen),
        library.publish(made.id, 2, expected=seen),
        library.rollback(made.id, 1, expected=seen),
        library.retire(made.id, expected=seen),
        library.release(made.id, 1, expected=seen),
    )
    for attempt in attempts:
        with pytest.raises(PreconditionFailed) as problem:
            await attempt
        extra = problem.value.extra
        assert extra["current"] == {"revision": 3, "state": "published", "published": 1, "newest": 2}
        assert [(c["action"], c["version"], c["author"]) for c in extra["changes"]] == [("added", 2, "小林")]
        assert (extra["diff"]["from"], extra["diff"]["to"]) == (1, 2)
        assert {line["op"] for line in extra["diff"]["lines"]} == {"added", "removed"}
    assert library.knowledge_pointer == pointer
    assert await states(library, made.id) == ["published", "draft"]


async def test_racing_changes_of_one_revision_let_exactly_one_through(library: Library):
    made = await added(library, gift("三"), publish=True)
    seen = [made.revision]
    racing = [added(library, gift(days), document_id=made.id, expected=seen, publish=True) for days in "五七九"]
    results = await asyncio.gather(*racing, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == [
        "DocumentIngested",
        "PreconditionFailed",
        "PreconditionFailed",
    ]
    assert await states(library, made.id) == ["retired", "published"]


async def test_uploads_at_once_get_numbers_of_their_own_and_one_is_live(library: Library):
    made = await added(library, gift("三"), publish=True)
    racing = [added(library, gift("五", f"第{n}张。"), document_id=made.id, publish=True) for n in range(6)]
    done = await asyncio.gather(*racing)
    assert sorted(row.version for row in done) == [2, 3, 4, 5, 6, 7]
    assert (await states(library, made.id)).count("published") == 1
    live = (await library.history.document(made.id)).published
    assert live is not None
    wanted = (await library.history.version(made.id, live)).text
    found = library.document(made.id, "default")
    assert found is not None
    assert found.text == wanted


async def test_the_same_content_is_kept_once(library: Library):
    made = await added(library, gift("三"))
    again = await added(library, gift("三"))
    assert (again.id, again.version, again.state, again.duplicate) == (made.id, 1, "draft", True)
    assert made.id in again.warnings[0]
    assert again.revision == 1
    live = await added(library, gift("三"), publish=True)
    assert (live.id, live.state, live.duplicate) == (made.id, "published", True)
    other = await added(library, gift("三"), title="另一份")
    assert other.id != made.id
    assert other.duplicate is False
    elsewhere = await added(library, gift("三"), shop="demo")
    assert elsewhere.id not in {made.id, other.id}


async def test_a_version_of_old_content_is_the_old_version(library: Library):
    made = await added(library, gift("三"), publish=True)
    await added(library, gift("五"), document_id=made.id, publish=True)
    back = await added(library, gift("三"), document_id=made.id, publish=True)
    assert (back.version, back.state, back.duplicate) == (1, "published", True)
    newest = await added(library, gift("五"))
    assert (newest.id, newest.version, newest.duplicate) == (made.id, 2, True)
    await added(library, gift("七"), document_id=made.id)
    fresh = await added(library, gift("五"))  # neither live nor newest there: a document of its own may say it
    assert (fresh.id == made.id, fresh.duplicate) == (False, False)


async def test_the_same_bytes_read_by_other_rules_are_a_new_version(
    settings: Settings, thesaurus: Thesaurus, tmp_path: Path
):
    first = await Library.open(settings, thesaurus)
    made = await added(first, gift("三", HELD), publish=True)
    await first.close()
    own = tmp_path / "own"
    shutil.copytree(settings.knowledge_dir / "library", own / "library")
    tuning = own / "library" / "search.yaml"
    text = tuning.read_text("utf-8")
    tuning.write_text(re.sub(r"small: \d+", "small: 1", text), "utf-8")
    second = await Library.open(read_settings(data_dir=settings.data_dir, knowledge_dir=own), thesaurus)
    again = await added(second, gift("三", HELD), document_id=made.id)
    assert (again.version, again.duplicate) == (2, False)
    await second.close()


async def test_content_of_another_document_is_taken_with_a_warning(library: Library):
    one = await added(library, gift("三"))
    two = await added(library, gift("五"))
    mixed = await added(library, gift("三"), document_id=two.id)
    assert (mixed.id, mixed.version) == (two.id, 2)
    assert any(one.id in warning for warning in mixed.warnings)


async def test_a_new_version_keeps_the_labels_and_dates_nobody_changes(library: Library):
    until = datetime(2099, 1, 1, tzinfo=UTC)
    made = await added(library, gift("三"), title="少件怎么补", platform="淘宝", effective_to=until)
    await added(library, gift("五"), kind=None, document_id=made.id, platform="拼多多")
    first, second = (await library.history.versions(made.id)).versions
    assert (second.title, second.kind, second.platform) == ("少件怎么补", "shop", "拼多多")
    assert second.effective_to == first.effective_to == until
    with pytest.raises(InvalidRequest) as problem:
        await library.add("x.md", gift("九"))
    assert problem.value.errors[0]["pointer"] == "/kind"


async def test_dates_are_in_order_and_said_when_they_hide_a_document(library: Library):
    now = datetime.now(UTC)
    with pytest.raises(InvalidRequest) as problem:
        await added(library, gift("三"), effective_from=now, effective_to=now)
    assert problem.value.code == "dates_reversed"
    later = await added(library, gift("三"), effective_from=now + timedelta(days=3), publish=True)
    past = await added(library, gift("五"), effective_to=now - timedelta(days=3), publish=True)
    assert len(later.warnings) == len(past.warnings) == 1
    assert texts(library, "补发") == []
    assert texts(library, "补发", at=now + timedelta(days=4))


async def test_another_shop_sees_nothing_of_it(library: Library):
    made = await added(library, gift("三", HELD), shop="demo", publish=True)
    history = library.history
    for refused in (
        history.document(made.id, "other"),
        history.version(made.id, 1, "other"),
        history.diff(made.id, 1, 1, "other"),
        history.held(made.id, None, "other"),
        library.rollback(made.id, 1, "other"),
        library.release(made.id, 1, None, "other"),
    ):
        with pytest.raises(NotFound):
            await refused
    assert (await history.documents("other")).documents == []
    assert [row.id for row in (await history.documents("demo")).documents] == [made.id]


async def test_a_version_that_is_not_there(library: Library):
    made = await added(library, gift("三"))
    for missing in (
        library.publish(made.id, 2),
        library.rollback(made.id, 9),
        library.history.version(made.id, 2),
        library.history.diff(made.id, 1, 5),
        library.history.held(made.id, 4),
    ):
        with pytest.raises(NotFound) as problem:
            await missing
        assert problem.value.code == "version_not_found"


async def test_a_released_sentence_may_be_used_from_then_on_in_later_versions_too(library: Library):
    made = await added(library, gift("三", HELD), publish=True)
    assert made.held == 1
    listed = await library.history.held(made.id)
    assert [(row.n, row.text, row.released) for row in listed.held] == [(1, HELD, False)]
    assert listed.held[0].reason
    before = library.knowledge_pointer
    state = await library.release(made.id, 1, signed=Signed("法务", "依法"))
    assert state.pointer == library.knowledge_pointer != before
    assert state.pointer.split(".")[1] != before.split(".")[1]
    assert await _held(library) == set()
    assert (await library.history.held(made.id)).held[0].released_by == "法务"
    await added(library, gift("五", HELD), document_id=made.id, publish=True)
    assert await _held(library) == set()
    again = await library.release(made.id, 1, hold=True)
    assert again.revision == 6
    assert await _held(library) == {HELD}
    with pytest.raises(NotFound) as problem:
        await library.release(made.id, 2)
    assert problem.value.code == "held_not_found"


async def _held(library: Library) -> set[str]:
    return {chunk.text for chunk in library.snapshot.chunks if chunk.held}


async def test_a_release_lasts_over_a_restart_and_reaches_other_processes(settings: Settings, thesaurus: Thesaurus):
    first = await Library.open(settings, thesaurus)
    made = await added(first, gift("三", HELD), publish=True)
    await first.release(made.id, 1)
    await first.close()
    second = await Library.open(settings, thesaurus)
    assert await _held(second) == set()
    await second.close()


async def test_a_difference_tells_sentences_passages_and_labels(library: Library):
    made = await added(library, gift("三"), publish=True)
    await added(library, gift("五", HELD), document_id=made.id, platform="淘宝")
    diff = await library.history.diff(made.id, None, None)
    assert (diff.older, diff.newer, diff.same) == (1, 2, False)
    changed = [(line.op, line.text) for hunk in diff.hunks for line in hunk if line.op != "same"]
    assert changed == [
        ("removed", "礼盒拆开后少件的，三天内补发。"),
        ("added", "礼盒拆开后少件的，五天内补发。"),
        ("added", HELD),
    ]
    assert (diff.added, diff.removed) == (2, 1)
    assert [passage.text for passage in diff.passages.held] == [HELD]
    assert any("三天内" in passage.text for passage in diff.passages.removed)
    assert [(row.label, row.before, row.after) for row in diff.labels] == [("platform", None, "淘宝")]
    assert (await library.history.diff(made.id, 2, 2)).same is True


async def test_a_version_shows_what_was_taken_off(library: Library):
    made = await library.add("a.txt", "返回顶部\n先请客户拍照。\n".encode(), kind="guideline")
    whole = await library.history.version(made.id, 1)
    assert whole.text == "先请客户拍照。"
    assert [(gone.count, gone.lines) for gone in whole.dropped] == [(1, ["返回顶部"])]
    assert all(whole.text[p.start : p.end] == p.text for p in whole.passages)


async def test_lists_are_filtered_and_paged(library: Library):
    for n, kind in enumerate(("shop", "guideline", "shop")):
        await added(library, gift("三", f"第{n}张。"), kind=kind, title=f"少件{n}", publish=n == 0)

    async def ids(wanted: Wanted) -> list[str]:
        return [row.title for row in (await library.history.documents(wanted=wanted)).documents]

    assert await ids(Wanted(kind="shop")) == ["少件0", "少件2"]
    assert await ids(Wanted(state="published")) == ["少件0"]
    assert await ids(Wanted(text="件1")) == ["少件1"]
    assert await ids(Wanted(text="%")) == []
    page = await library.history.documents(limit=2, offset=2)
    assert (page.total, [row.title for row in page.documents]) == (3, ["少件2"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "knowledge"
    (root / "rules" / "law").mkdir(parents=True)
    (root / "rules" / "law" / "gift.md").write_bytes(gift("三"))
    return root


def cite(library: Library, document: str, section: str = "") -> None:
    library.publisher.cited = (CitedRule("gift_short", document, section, Path("knowledge/boundaries/1.yaml"), 7),)


@pytest.mark.parametrize("section", ["", "补发"])
async def test_a_folder_that_takes_away_what_a_boundary_cites_is_not_published(
    library: Library, folder: Path, section: str
):
    await library.sync(folder)
    cite(library, "law/gift", section)
    before = library.knowledge_pointer
    file = folder / "rules" / "law" / "gift.md"
    if section:
        file.write_text(file.read_text("utf-8").replace("## 补发", "## 重发"), "utf-8")
    else:
        file.unlink()
    (folder / "rules" / "law" / "new.md").write_bytes(gift("九"))
    with pytest.raises(RulebookError) as problem:
        await library.sync(folder)
    assert (problem.value.file, problem.value.line) == ("knowledge/boundaries/1.yaml", 7)
    assert "gift_short" in problem.value.reason
    assert library.knowledge_pointer == before
    assert library.document("law/new", "default") is None
    cite(library, "law/gift", "重发")
    if section:
        assert (await library.sync(folder)).changed == ("law/gift",)


async def test_a_document_a_boundary_cites_stays_published(library: Library):
    made = await added(library, gift("三"), publish=True)
    bare = await added(library, "# 礼盒\n\n先请客户拍一张全家福。\n".encode(), document_id=made.id, title="礼盒少件")
    cite(library, made.id, "补发")
    for attempt in (library.publish(made.id, bare.version), library.retire(made.id)):
        with pytest.raises(Conflict) as problem:
            await attempt
        assert problem.value.code == "rule_in_use"
        assert problem.value.extra == {"boundaries": ["gift_short"]}
        assert "gift_short" in problem.value.detail
    assert await states(library, made.id) == ["published", "draft"]
    moved = await added(library, gift("五"), document_id=made.id, publish=True)  # the section is still there
    assert moved.state == "published"
    library.publisher.cited = ()
    assert (await library.rollback(made.id, bare.version)).published == bare.version


def test_the_citations_of_the_shipped_boundaries_read_the_same_with_and_without_their_conditions():
    assert read_cited(KNOWLEDGE) == cited_rules(shipped().boundaries)
    assert len(read_cited(KNOWLEDGE)) > 20


async def test_files_are_read_only_and_two_syncs_at_once_make_one_version(library: Library, folder: Path):
    await asyncio.gather(library.sync(folder), library.sync(folder), added(library, gift("五")))
    assert await states(library, "law/gift") == ["published"]
    for attempt in (library.rollback("law/gift"), library.release("law/gift", 1)):
        with pytest.raises(Conflict) as problem:
            await attempt
        assert (problem.value.code, problem.value.extra) == (
            "file_managed",
            {"path": "knowledge/rules/law/gift.md"},
        )
