import asyncio
import hashlib
import shutil
from pathlib import Path

import pytest

from service.errors import Conflict, EnvironmentProblem, InvalidRequest, NotFound, RulebookError
from service.library.store import Library
from service.rulebook.thesaurus import Thesaurus
from service.schemas import SearchRequest
from service.settings import Settings, read_settings
from tests.engines import on_engines

LAW = """---
kind: law
title: 退回的运费
authority: law
questions: [邮费算谁的]
---
# 退回的运费
## 有质量问题
商品有质量问题的，来回运费由店铺承担。
## 没有质量问题
无理由退货的，退回的运费由买家承担。
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "knowledge"
    (root / "rules" / "law").mkdir(parents=True)
    (root / "rules" / "law" / "freight.md").write_text(LAW, encoding="utf-8")
    (root / "guidelines").mkdir()
    (root / "guidelines" / "calm.md").write_text("# 先安抚\n客户着急时先接住情绪，再讲规则。\n", encoding="utf-8")
    (root / "guidelines" / "README.md").write_text("给人看的说明。", encoding="utf-8")
    return root


def texts(library: Library, query: str, **fields: object) -> list[str]:
    return [p.text for p in library.search(SearchRequest.model_validate({"query": query, **fields}))]


async def test_files_are_published_under_ids_made_of_their_paths(library: Library, folder: Path):
    report = await library.sync(folder)
    assert report.added == ("guidelines/calm", "law/freight")
    found = library.document("law/freight", "any-shop")
    assert found is not None
    assert (found.title, found.authority, found.version) == ("退回的运费", "law", 1)
    assert [(s.path, s.text) for s in found.sections] == [
        ("有质量问题", "商品有质量问题的，来回运费由店铺承担。"),
        ("没有质量问题", "无理由退货的，退回的运费由买家承担。"),
    ]
    assert all(found.text[s.start : s.end] == s.text for s in found.sections)
    assert "运费" in texts(library, "邮费算谁的")[0]


async def test_nothing_changed_nothing_is_written(library: Library, folder: Path):
    await library.sync(folder)
    before = library.knowledge_pointer
    report = await library.sync(folder)
    assert (report.added, report.changed, report.retired, report.unchanged) == ((), (), (), 2)
    assert library.knowledge_pointer == before


async def test_changed_bytes_make_a_version_and_a_removed_file_is_retired(library: Library, folder: Path):
    await library.sync(folder)
    (folder / "rules/law/freight.md").write_text(LAW.replace("由店铺承担", "由本店承担"), encoding="utf-8")
    (folder / "guidelines/calm.md").unlink()
    report = await library.sync(folder)
    assert (report.changed, report.retired) == (("law/freight",), ("guidelines/calm",))
    assert library.document("guidelines/calm", "default") is None
    document = library.document("law/freight", "default")
    assert document is not None
    assert document.version == 2
    assert not any("由店铺承担" in text for text in texts(library, "运费"))
    assert [row.state for row in (await library.history.versions("law/freight")).versions] == ["retired", "published"]


async def test_a_broken_file_publishes_nothing(library: Library, folder: Path):
    await library.sync(folder)
    before = library.knowledge_pointer
    (folder / "rules/law/new.md").write_text("# 新规\n新的一条。", encoding="utf-8")
    (folder / "guidelines/bad.md").write_text("---\nkind: laws\n---\n正文。", encoding="utf-8")
    with pytest.raises(RulebookError) as problem:
        await library.sync(folder)
    assert (Path(problem.value.file).name, problem.value.line) == ("bad.md", 2)
    assert library.knowledge_pointer == before
    with pytest.raises(RulebookError):
        await library.sync(folder / "nowhere")


async def test_an_upload_is_a_draft_until_it_is_published(library: Library):
    made = await library.add("礼盒.txt", "礼盒拆开后少件的，三天内补发。".encode(), kind="shop", note="试")
    assert (made.state, made.version, made.chunks, made.held) == ("draft", 1, 1, 0)
    assert texts(library, "礼盒少件") == []
    state = await library.publish(made.id, 1)
    assert state.pointer == library.knowledge_pointer
    assert texts(library, "礼盒少件") == ["礼盒拆开后少件的，三天内补发。"]


async def test_versions_can_be_rolled_back_and_retired(library: Library):
    first = await library.add("a.txt", "补发要三天。".encode(), kind="shop", publish=True)
    second = await library.add("a.txt", "补发要五天。".encode(), kind="shop", publish=True, document_id=first.id)
    assert (second.id, second.version) == (first.id, 2)
    assert texts(library, "补发要几天") == ["补发要五天。"]
    await library.publish(first.id, 1)
    assert texts(library, "补发要几天") == ["补发要三天。"]
    assert [row.state for row in (await library.history.versions(first.id)).versions] == ["published", "retired"]
    await library.retire(first.id)
    assert texts(library, "补发要几天") == []


async def test_equal_content_has_an_equal_digest_in_its_pointer(library: Library):
    first = await library.add("a.txt", "补发要三天。".encode(), kind="shop", publish=True)
    digits = library.knowledge_pointer.partition(".")[2]
    await library.add("a.txt", "补发要五天。".encode(), kind="shop", publish=True, document_id=first.id)
    assert library.knowledge_pointer.partition(".")[2] != digits
    await library.publish(first.id, 1)
    assert library.knowledge_pointer.partition(".")[2] == digits


async def test_a_shop_never_sees_anothers_upload(library: Library):
    made = await library.add("a.txt", "本店送运费险。".encode(), kind="shop", shop="demo", publish=True)
    assert texts(library, "运费险", shop="demo") == ["本店送运费险。"]
    assert texts(library, "运费险", shop="other") == []
    assert texts(library, "运费险") == []
    assert library.document(made.id, "demo") is not None
    assert library.document(made.id, "other") is None
    for refused in (
        library.history.versions(made.id, "other"),
        library.publish(made.id, 1, "other"),
        library.retire(made.id, "other"),
    ):
        with pytest.raises(NotFound):
            await refused
    with pytest.raises(NotFound):
        await library.add("a.txt", "换掉。".encode(), kind="shop", shop="other", document_id=made.id)


async def test_files_are_not_changed_through_the_upload_door(library: Library, folder: Path):
    await library.sync(folder)
    attempts = (
        library.add("freight.md", b"# x\nx", kind="law", document_id="law/freight"),
        library.publish("law/freight", 1),
        library.retire("law/freight"),
    )
    for attempt in attempts:
        with pytest.raises(Conflict) as problem:
            await attempt
        assert problem.value.code == "file_managed"
        assert "knowledge/rules/law/freight.md" in problem.value.detail


async def test_what_the_caller_says_goes_before_what_the_file_says(library: Library):
    made = await library.add("a.md", LAW.encode(), kind="guideline", title="运费笔记", publish=True)
    document = library.document(made.id, "default")
    assert document is not None
    assert (document.kind, document.title, document.authority) == ("guideline", "运费笔记", "guideline")
    assert any("law" in warning for warning in made.warnings)


async def test_a_held_sentence_is_counted_told_and_marked(library: Library):
    text = "先安抚客户的情绪。凡客户提到投诉，一律先答应赔偿。"
    made = await library.add("a.txt", text.encode(), kind="guideline", publish=True)
    assert made.held == 1
    assert any("一律先答应赔偿" in warning for warning in made.warnings)
    passages = library.search(SearchRequest(query="客户提到投诉怎么办"))
    assert {p.text: p.held for p in passages} == {"先安抚客户的情绪。": False, "凡客户提到投诉，一律先答应赔偿。": True}


async def test_what_is_held_is_found_but_not_in_the_sections_that_citations_quote(library: Library):
    free, held = "价保以页面的标识为准。", "【常｜2026-11-21】多数类目价保七天。大促更长。"
    text = f"# 价保\n\n## 看哪里\n\n{free}\n\n{held}\n\n## 未核\n\n{held}\n"
    made = await library.add("a.md", text.encode(), kind="platform", publish=True)
    document = library.document(made.id, "default")
    assert document is not None
    assert [(s.title, s.text) for s in document.sections] == [("看哪里", free)]
    assert document.text[document.sections[0].start : document.sections[0].end] == free
    assert {p.held for p in library.search(SearchRequest(query="价保几天", k=9)) if held in p.text} == {True}


async def test_passages_are_exact_pieces_of_the_stored_text(library: Library):
    body = "\n".join(
        f"第{n}条，客户问到第{n}件事时，先说结论，再说原因，最后问他怎么选。" for n in "一二三四五六七八九"
    )
    made = await library.add("a.txt", (body * 4).encode("gb18030"), kind="guideline", publish=True)
    document = library.document(made.id, "default")
    assert document is not None
    for passage in library.search(SearchRequest(query="先说结论再说原因", k=50)):
        assert document.text[passage.start : passage.end] == passage.text
        assert len(passage.text) <= 400


async def test_a_file_with_nothing_but_site_noise_is_empty(library: Library):
    with pytest.raises(InvalidRequest) as problem:
        await library.add("a.txt", "返回顶部\n评论(3)\n".encode(), kind="guideline")
    assert problem.value.code == "empty_document"


async def test_everything_is_there_after_a_restart(settings: Settings, thesaurus: Thesaurus, folder: Path):
    first = await Library.open(settings, thesaurus)
    await first.sync(folder)
    await first.add("a.txt", "补发要三天。".encode(), kind="shop", publish=True)
    answers, pointer = texts(first, "运费补发"), first.knowledge_pointer
    await first.close()
    second = await Library.open(settings, thesaurus)
    assert (texts(second, "运费补发"), second.knowledge_pointer) == (answers, pointer)
    await second.close()


async def test_other_vectors_are_made_when_the_embedder_changed(
    settings: Settings, thesaurus: Thesaurus, tmp_path: Path
):
    first = await Library.open(settings, thesaurus)
    await first.add("a.txt", "补发要三天。".encode(), kind="shop", publish=True)
    await first.close()
    own = tmp_path / "own"
    shutil.copytree(settings.knowledge_dir / "library", own / "library")
    tuning = own / "library" / "search.yaml"
    tuning.write_text(tuning.read_text(encoding="utf-8").replace("dim: 512", "dim: 256"), encoding="utf-8")
    second = await Library.open(read_settings(data_dir=settings.data_dir, knowledge_dir=own), thesaurus)
    assert second.health()["fingerprint"] == "hash-ngram-1-256"
    assert second.snapshot.matrix.any()
    assert texts(second, "补发几天") == ["补发要三天。"]
    await second.close()


async def until(condition, library: Library) -> None:
    async with asyncio.timeout(20):
        while not condition(library):  # noqa: ASYNC110 - the background work has no event to wait for
            await asyncio.sleep(0.02)


async def test_the_server_follows_what_the_shell_publishes(settings: Settings, thesaurus: Thesaurus):
    server = await Library.open(settings, thesaurus, owner=True)
    shell = await Library.open(settings, thesaurus)
    assert shell.health()["chroma"]["state"] == "off"
    await shell.add("a.txt", "补发要三天。".encode(), kind="shop", publish=True)
    await shell.close()
    await until(
        lambda it: it.health()["chroma"]["generation"] == it.knowledge_pointer and it.health()["chunks"] == 1, server
    )
    assert texts(server, "补发几天") == ["补发要三天。"]
    with pytest.raises(EnvironmentProblem) as problem:
        await Library.open(settings, thesaurus, owner=True)
    assert problem.value.code == "data_dir_locked"
    await server.close()
    await (await Library.open(settings, thesaurus, owner=True)).close()


async def test_search_answers_the_same_with_chroma_and_without(settings: Settings, thesaurus: Thesaurus, folder: Path):
    server = await Library.open(settings, thesaurus, owner=True)
    await server.sync(folder)
    exact = server.search(SearchRequest(query="邮费算谁的"))
    await until(lambda it: it.health()["chroma"]["generation"] == it.knowledge_pointer, server)
    assert server.search(SearchRequest(query="邮费算谁的")) == exact
    await server.close()
    if not on_engines():  # there the vectors are in the server
        shutil.rmtree(settings.data_dir / "chroma")
    again = await Library.open(settings, thesaurus)
    assert again.search(SearchRequest(query="邮费算谁的")) == exact
    await again.close()


async def test_the_bytes_are_kept_as_they_came(library: Library):
    data = "补发要三天。\r\n".encode("gb18030")
    made = await library.add("a.txt", data, kind="shop")
    assert [row.sha256 for row in (await library.history.versions(made.id)).versions] == [
        hashlib.sha256(data).hexdigest()
    ]
