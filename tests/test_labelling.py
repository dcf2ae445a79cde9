"""What leaves the house says that an AI wrote it: in words, and in data."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from evals.report.writing import write_report
from evals.result_lines import labelled_lines
from evals.results import CaseResult
from service.commands.show import draft_lines
from service.labelling import explicit, implicit, metadata, short
from service.schemas import Inquiry, Message
from tests.fake_desk import a_draft
from tests.report_run import material, some

NAMES = ["Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"]
INQUIRY = Inquiry(messages=(Message(role="customer", content="杯子碎了"),))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    write_report(material(some()), folder)
    return folder


def test_the_words_and_the_fields_are_the_law_s() -> None:
    for said in (explicit(), short()):
        assert "AI" in said and "生成" in said
    told = implicit("dft_1")
    assert (list(told), told["Label"], told["ProduceID"]) == (NAMES, "1", "dft_1")
    assert json.loads(metadata("dft_1")) == {"AIGC": told}


def test_a_page_shows_it_and_carries_it(files: Path) -> None:
    page = (files / "report.html").read_text("utf-8")
    assert f">{explicit()}<" in page
    found = re.search(r'<meta name="AIGC" content="([^"]+)">', page)
    assert found is not None and json.loads(html.unescape(found[1]))["AIGC"]["Label"] == "1"


def test_markdown_and_junit_carry_both(files: Path) -> None:
    comment = (files / "report.md").read_text("utf-8")
    assert explicit().split("：")[0] in comment
    assert json.loads(re.findall(r"<!-- (\{.*\}) -->", comment)[-1])["AIGC"]["ProduceID"]
    suites = ElementTree.parse(files / "junit.xml").getroot()
    assert json.loads(suites.findall("testsuite/properties/property")[0].get("value") or "")["AIGC"]["Label"] == "1"
    assert explicit() in (files / "junit.xml").read_text("utf-8")


def test_every_row_with_a_draft_carries_both(files: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((files / "results.csv").read_text("utf-8-sig"))))
    drafted = [row for row in rows if row["草稿"]]
    assert drafted and all(row["标识"] == short() for row in drafted)
    assert all(json.loads(row["标识（隐式）"])["AIGC"]["ProduceID"] for row in drafted)
    lines = [json.loads(line) for line in (files / "results.jsonl").read_text("utf-8").splitlines()]
    for one in lines:
        assert (one["aigc"] is None) == (one["draft"] is None)
        CaseResult.model_validate(one)


def test_downloaded_lines_are_labelled_whenever_they_were_written() -> None:
    draft = a_draft(INQUIRY, "dft_7")
    made = CaseResult(
        case="a", name="n", scenario="s", verdict="reasonable", threat="none", inquiry=INQUIRY, draft=draft
    )
    bare = made.model_copy(update={"draft": None})
    old = made.model_dump_json(by_alias=True, exclude={"aigc"}).encode() + b"\n"
    new = made.model_dump_json(by_alias=True).encode() + b"\n"
    none = bare.model_dump_json(by_alias=True).encode() + b"\n"
    lines = labelled_lines(old + new + none + b'{"half').splitlines()
    assert [json.loads(line)["aigc"] for line in lines[:3]] == [implicit("dft_7"), implicit("dft_7"), None]
    assert lines[3] == b'{"half'
    CaseResult.model_validate_json(lines[0])


def test_the_terminal_says_it() -> None:
    assert short() in "\n".join(draft_lines(a_draft(INQUIRY), {}))
