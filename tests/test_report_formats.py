"""JUnit, CSV and Markdown of a run, and the reply cut at its marks: whatever the texts hold."""

from __future__ import annotations

import csv
import io
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.report.inert import cell, markdown, xml_text
from evals.report.junit import junit
from evals.report.markdown import MOST_BYTES, pull_request
from evals.report.marking import Note, bubbles, differences, pieces
from evals.report.tables import results_csv, scores_csv
from tests.report_read import page
from tests.report_run import HOSTILE, PLAIN, draft, hostile, material, result, score, some


@given(
    st.text(max_size=40),
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(-5, 60), st.integers(-5, 60)), max_size=6),
)
def test_pieces_are_the_text_whatever_the_marks(text: str, offset: int, places: list[tuple[int, int]]) -> None:
    notes = [Note(n, start, end, "") for n, (start, end) in enumerate(places, 1)]
    made = pieces(text, notes, offset)
    assert "".join(piece.text for piece in made) == text
    place = offset
    for piece in made:
        for note in notes:
            inside = note.start <= place and place + len(piece.text) <= note.end
            assert (note.number in piece.notes) == (inside and bool(piece.text))
        place += len(piece.text)
    ends = [number for piece in made for number in piece.ends]
    assert sorted(ends) == sorted({number for piece in made for number in piece.notes})


@given(st.text("退不了能的，a1 ", max_size=30), st.text("退不了能的，a1 ", max_size=30))
def test_differences_make_up_both_sides(old: str, new: str) -> None:
    made = differences(old, new)
    assert "".join(one.text for one in made if one.op != "new") == old
    assert "".join(one.text for one in made if one.op != "gone") == new
    assert not made or all(one.op == "same" for one in made) == (old == new)


def test_a_reply_that_is_not_its_steps_is_one_bubble() -> None:
    made = draft(*PLAIN).model_copy(update={"reply": "另写的一句"})
    (whole,) = bubbles(made, [Note(1, 0, 2, "")])
    assert [piece.text for piece in whole.pieces] == ["另写", "的一句"]


def test_junit_counts_and_failures() -> None:
    root = ElementTree.fromstring(junit(page(some())))
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "2",
        "errors": "1",
        "skipped": "1",
    }
    suites = {suite.get("name"): suite for suite in root}
    assert len(suites) == 2 and sum(int(suite.get("tests", 0)) for suite in root) == 6
    by_case = {one.get("classname"): one for one in root.iter("testcase")}
    (failure,) = by_case["invoice.veto"].findall("failure")
    assert failure.get("type") == "give_in" and "应当拒" in (failure.text or "")
    assert by_case["invoice.nobody"].find("skipped") is not None
    assert by_case["vague.minor"].find("failure") is None
    assert "长短和气泡" in (by_case["vague.minor"].findtext("system-out") or "")


def test_junit_carries_hostile_text_as_text() -> None:
    results = hostile()
    root = ElementTree.fromstring(junit(page(results)))
    assert len(list(root.iter("testcase"))) == len(results)
    assert {len(one.findall("failure")) for one in root.iter("testcase")} == {1}
    assert {one.get("name") for one in root.iter("testcase")} >= {xml_text(text) for text in HOSTILE}


@pytest.mark.parametrize("write", [results_csv, scores_csv])
def test_csv_has_a_mark_and_no_formula(write: object) -> None:
    results = some() + hostile()
    text = write(page(results))  # type: ignore[operator]
    assert text.startswith("\ufeff") and "\x00" not in text
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len({len(row) for row in rows}) == 1
    assert len(rows) - 1 == (len(results) if write is results_csv else sum(len(one.scores) for one in results))
    assert not [value for row in rows for value in row if value[:1] in tuple("=+-@\t\r\n＝＋－＠") and value[:1]]


@given(st.text(max_size=20))
def test_a_cell_never_begins_like_a_formula(text: str) -> None:
    made = cell(text)
    assert isinstance(made, str) and made[:1] not in tuple("=+-@\t\r\n＝＋－＠")
    assert cell(-1.5) == -1.5


def test_markdown_has_headline_vetoes_and_what_got_worse() -> None:
    before = material([result("vague.a", [score("steps")], draft(*PLAIN))], -1)
    after = [result("vague.a", [score("steps", "failed", reason="少了一步")], draft(*PLAIN)), *some()]
    text = pull_request(page(after, before))
    assert "## 评测" in text and "| 不该办的办了 | 1 |" in text
    assert "原来合格现在不合格 1 单" in text and "少了一步" in text


def test_markdown_of_hostile_text_is_plain_and_short() -> None:
    many = [
        one.model_copy(update={"case": f"{one.case}{n}", "name": text * 40})
        for n in range(40)
        for one, text in zip(hostile(), HOSTILE * 2, strict=True)
    ]
    passing = [one.model_copy(update={"passed": True, "points": 100}) for one in many]
    text = pull_request(page(many, material(passing, -1)))
    assert len(text.encode()) <= MOST_BYTES
    for line in text.splitlines():
        assert not line.startswith("|") or line.count("|") in (4, 5, 6, 7), line
    assert not re.search(r"<(?!/?(details|summary)>|!-- \{)", text)
    assert not re.search(r"@\w|https?://|#\d|\]\(|`", re.sub(r"&#\d+;", "", text))


@given(st.text(max_size=60))
def test_markdown_is_one_line_without_markup(text: str) -> None:
    made = markdown(text)
    assert "\n" not in made and "|" not in made and "<" not in made
    assert not re.search(r"@\w", made)
