"""Marks at the beginning of paragraphs: what is written wrong is told with file and line."""

import shutil
from pathlib import Path

import pytest

from service.errors import RulebookError
from service.library.marks import check_marks
from service.settings import HOME

HEAD = """---
kind: platform
title: 价保
source: 平台规则
checked_on: 2026-11-21
review_by: 2027-02-21
questions: [一, 二, 三, 四, 五, 六, 七, 八]
---
# 价保

## 看哪里

"""
FIRST_LINE = HEAD.count("\n") + 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("rules/platform", "rules/law", "guidelines", "scenarios"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copytree(HOME / "knowledge" / "library", tmp_path / "library")
    return tmp_path


def problems(folder: Path, body: str, head: str = HEAD, kind: str = "platform") -> list[RulebookError]:
    (folder / "rules" / kind / "x.md").write_text(head + body, encoding="utf-8")
    return list(check_marks(folder))


def test_every_document_of_the_house_is_marked_as_it_should_be():
    assert list(check_marks(HOME / "knowledge")) == []


@pytest.mark.parametrize("mark", ["【规｜2026-11-21】", "【闻｜2026-11-21】", "【常｜2026-11-21】", "【推】", "【法】"])
def test_a_well_written_mark_is_no_problem(folder: Path, mark: str):
    assert problems(folder, f"{mark}以页面的标识为准。\n还是这一段。\n") == []


@pytest.mark.parametrize(
    "mark",
    [
        "【规】",
        "【常】",
        "【规|2026-11-21】",
        "【常｜2026-13-01】",
        "【闻｜去年】",
        "【常 2026-11-21】",
        "【推｜2026-11-21｜x】",
    ],
)
def test_a_badly_written_mark_is_told_with_its_line(folder: Path, mark: str):
    (problem,) = problems(folder, f"【推】先看后台。\n\n{mark}以页面的标识为准。\n")
    assert problem.line == FIRST_LINE + 2
    assert mark in problem.reason


@pytest.mark.parametrize("body", ["以页面的标识为准。\n", "【重要】以页面的标识为准。\n", "- 以页面的标识为准。\n"])
def test_platform_documents_mark_every_paragraph_law_need_not(folder: Path, body: str):
    (problem,) = problems(folder, body)
    assert problem.line == FIRST_LINE
    (folder / "rules" / "platform" / "x.md").unlink()
    assert problems(folder, body, HEAD.replace("platform", "law"), "law") == []


@pytest.mark.parametrize("lost", ["review_by: 2027-02-21\n", "source: 平台规则\n", ", 八"])
def test_front_matter_must_say_where_it_is_from_until_when_and_what_people_ask(folder: Path, lost: str):
    assert len(problems(folder, "【推】先看后台。\n", HEAD.replace(lost, ""))) == 1


def test_a_question_names_a_section_that_is_there(folder: Path):
    assert problems(folder, "【推】先看后台。\n", HEAD.replace("八]", "八 ｜ 看哪里]")) == []
    (problem,) = problems(folder, "【推】先看后台。\n", HEAD.replace("八]", "八 ｜ 看后台]"))
    assert "看后台" in problem.reason
