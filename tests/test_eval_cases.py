"""A judged draft becomes a case; cases go out and come in from the command line."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.dataset import load_cases, load_waiting, read_all
from evals.formats.casefile import Taken, case_yaml, write_cases
from evals.formats.from_draft import case_of
from service.cli import main
from service.database.drafts import DraftStore
from service.database.session import Database
from service.schemas import Draft, Feedback, FeedbackIn, Finding
from service.settings import read_settings
from tests.desk import draft, inquiry

PHONE, NAME = "13812345678", "王秀芳"
ASKED = inquiry(
    "你好",
    "客服：您好，什么事您说",
    f"杯子不想要了，能退吗，我叫{NAME}，电话{PHONE}",
    order={
        "product": "玻璃杯",
        "received": True,
        "days_since_received": 2,
        "opened": False,
        "facts": {
            "buyer_note": f"放门口，打{PHONE}",
            "logistics": {"签收人": NAME, "次数": 2},
            "vip": True,
            "gone": None,
        },
    },
    policy={"联系人": f"{NAME} {PHONE}"},
    context={"role": "lead", "buyer": "小圆子99", "conversation": "c-1", "operator": "客服阿光"},
)
FOUND = Finding(
    rule="x", category="over_apology", severity="block", start=0, end=2, excerpt="万分抱歉", reason="道歉太多"
)


def judged(made: Draft, action: str, **more: Any) -> Feedback:
    told = {"final_text": None, "reason": None, "passed": None, "findings": []} | more
    return Feedback(draft=made.id, action=action, given_at=datetime(2026, 11, 22, tzinfo=UTC), **told)


def written(taken: Taken, folder: Path) -> str:
    (path,) = write_cases([taken], folder)
    return path.read_text("utf-8")


async def test_an_adopted_draft_confirms_everything_it_decided(tmp_path: Path) -> None:
    made = await draft(ASKED)
    taken = case_of(made, ASKED, judged(made, "adopted"))
    write_cases([taken], tmp_path)
    (case,) = load_cases(tmp_path)
    expect = case.entry.expect
    assert (expect.verdict, expect.scenario, expect.threat) == (made.verdict, made.scenario, made.threat)
    assert expect.steps == [one.step for one in made.steps]
    assert expect.sources == list(dict.fromkeys(one.rule for one in made.demands if one.rule))
    assert made.id in case.entry.source
    assert str(made.created_at.date()) in case.entry.source
    assert case.entry.must == []


async def test_nobodys_personal_data_is_in_it_and_one_person_has_one_name(tmp_path: Path) -> None:
    made = await draft(ASKED)
    final = f"{NAME}您好，小圆子99，给您退，有事打{PHONE}"
    taken = case_of(made, ASKED, judged(made, "edited", final_text=final, reason=f"要叫{NAME}", findings=[FOUND]))
    text = written(taken, tmp_path)
    assert not [one for one in (PHONE, NAME, "小圆子99", "客服阿光", "c-1") if one in text]
    aliases = {line.split("我叫")[1].split("，")[0] for line in text.splitlines() if "我叫" in line}
    (alias,) = aliases
    assert text.count(alias) >= 5
    (case,) = load_cases(tmp_path)
    order = case.inquiry.order
    assert order.facts["logistics"] == {"签收人": alias, "次数": 2}
    assert order.facts["vip"] is True
    assert "gone" not in order.facts
    assert (order.product, order.days_since_received, order.opened) == ("玻璃杯", 2, False)


async def test_the_case_is_asked_as_the_draft_was(tmp_path: Path) -> None:
    plain = inquiry(
        "杯子不想要了，能退吗", order={"received": True, "days_since_received": 2}, style={"tone": "formal"}
    )
    asked = plain.model_copy(
        update={"messages": (*plain.messages[:-1], plain.messages[-1].model_copy(update={"kind": "voice"}))}
    )
    made = await draft(asked)
    again = case_of(made, asked, judged(made, "adopted")).entry.inquiry.build()
    assert again.messages == asked.messages
    assert (again.order, again.style, again.context.role) == (asked.order, asked.style, "agent")
    assert again.now == made.created_at
    same = await draft(again)
    assert (same.reply, same.verdict) == (made.reply, made.verdict)


async def test_an_edited_draft_keeps_the_verdict_and_what_was_to_be_better(tmp_path: Path) -> None:
    made = await draft(ASKED)
    edited = judged(made, "edited", final_text="万分抱歉，给您退", reason="太长了。要先说结论", findings=[FOUND])
    taken = case_of(made, ASKED, edited)
    text = written(taken, tmp_path)
    (case,) = load_cases(tmp_path)
    assert (case.entry.expect.verdict, case.entry.expect.steps) == (made.verdict, None)
    assert [one.text.rpartition("：")[2] for one in case.entry.must] == ["太长了。", "要先说结论"]
    assert {"edited", "edited_with_findings"} <= set(case.entry.tags)
    remarks = [line for line in text.splitlines() if line.startswith("# ")]
    assert any("道歉太多" in line for line in remarks)
    assert any("万分抱歉，给您退" in line for line in remarks)


async def test_a_rejected_draft_waits_for_a_person(tmp_path: Path) -> None:
    made = await draft(ASKED)
    taken = case_of(made, ASKED, judged(made, "rejected", reason="判错了"))
    text = written(taken, tmp_path)
    (waiting,) = load_waiting(tmp_path)
    assert yaml.safe_load(text)["expect"] == {"verdict": ""}
    assert "判错了" in text
    path = waiting.file.path
    path.write_text(text.replace("verdict: ''", "verdict: unreasonable").replace("  - to_review\n", ""), "utf-8")
    (case,) = load_cases(tmp_path)
    assert case.entry.expect.verdict == "unreasonable"


async def test_what_a_buyer_writes_cannot_break_out_of_the_file(tmp_path: Path) -> None:
    asked = inquiry("退了吧\ntags: [x]\n---\nid: other\x85# hm", order={"facts": {"a: b": '=HYPERLINK("x")'}})
    made = await draft(asked)
    taken = case_of(made, asked, judged(made, "rejected", reason="一\n二: 三\u2028id: other"))
    text = written(taken, tmp_path)
    (waiting,) = load_waiting(tmp_path)
    assert waiting.entry.id == f"live.{made.id}"
    assert waiting.inquiry.messages == asked.messages
    assert waiting.inquiry.order.facts == asked.order.facts
    assert text == case_yaml(taken, waiting.file.path.parent)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A data folder with a draft nobody judged, an edited and a rejected one; ids by what became of them."""
    folder = tmp_path_factory.mktemp("data")

    async def fill() -> dict[str, str]:
        database = await Database.open(read_settings(data_dir=folder).database)
        store, ids = DraftStore(database), {}
        for name in ("open", "edited", "rejected"):
            made = await draft(ASKED)
            made.id += name[0]
            await store.save_draft(
                made, ASKED.model_copy(update={"context": ASKED.context.model_copy(update={"conversation": name})})
            )
            if name != "open":
                given = FeedbackIn(action=name, final_text="给您退" if name == "edited" else None, reason="不对")
                await store.give_feedback(made.id, "default", given, True, [])
            ids[name] = made.id
        await database.close()
        return ids

    return folder, asyncio.run(fill())


@pytest.fixture
def ids(stored: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("YOULI_DATA_DIR", str(stored[0]))
    return stored[1]


def test_one_command_makes_a_judged_draft_a_case(
    ids: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "case", ids["edited"], "--out", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["id"], told["waits"]) == (f"live.{ids['edited']}", False)
    assert [case.file.path for case in load_cases(tmp_path)] == [Path(told["file"])]
    assert main(["eval", "case", ids["edited"], "--out", str(tmp_path)]) == 2
    assert told["id"] in capsys.readouterr().err
    assert main(["eval", "case", ids["rejected"], "--out", str(tmp_path)]) == 0
    assert [case.entry.id for case, waits in read_all(tmp_path) if waits] == [f"live.{ids['rejected']}"]


def test_a_draft_nobody_judged_or_of_another_shop_makes_no_case(
    ids: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "case", ids["open"], "--out", str(tmp_path)]) == 2
    assert ids["open"] in capsys.readouterr().err
    assert main(["eval", "case", ids["edited"], "--shop", "demo", "--out", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


def test_feedback_is_read_by_its_own_shop_only(stored: tuple[Path, dict[str, str]]) -> None:
    folder, found = stored

    async def read() -> tuple[Feedback | None, ...]:
        database = await Database.open(read_settings(data_dir=folder).database)
        store = DraftStore(database)
        asked = [("edited", "default"), ("edited", "demo"), ("open", "default")]
        given = tuple([await store.get_feedback(found[name], shop) for name, shop in asked])
        await database.close()
        return given

    mine, foreign, none = asyncio.run(read())
    assert mine is not None
    assert (mine.draft, mine.action, mine.final_text) == (found["edited"], "edited", "给您退")
    assert foreign is None
    assert none is None


@pytest.mark.parametrize(("kind", "suffix"), [("jsonl", "jsonl"), ("promptfoo", "yaml")])
def test_cases_go_out_and_come_back(kind: str, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / f"cases.{suffix}", tmp_path / "in"
    picked = ["--only", "ladder", "--only", "vague", "--format", kind]
    assert main(["eval", "export", *picked, "--out", str(file), "--json"]) == 0
    count = json.loads(capsys.readouterr().out)["cases"]
    assert main(["eval", "import", str(file), "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["cases"], told["waits"]) == (count, 0)
    before = {case.entry.id: case.inquiry for case in load_cases()}
    assert {case.entry.id: case.inquiry == before[case.entry.id] for case in load_cases(out)} == dict.fromkeys(
        [case.entry.id for case in load_cases(out)], True
    )
    assert main(["eval", "import", str(file), "--out", str(out)]) == 2


def test_standard_output_holds_the_cases_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "export", "--only", "ladder", "--format", "promptfoo", "--url", "http://10.0.0.8:9000"]) == 0
    out, err = capsys.readouterr()
    config = yaml.safe_load(out)
    assert config["providers"][0]["config"]["url"] == "http://10.0.0.8:9000/v1/drafts"
    assert len(config["tests"]) >= 20
    assert "ladder." in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["import", "cases.csv"],
        ["import", "nothing.jsonl"],
        ["import", "nothing.yaml"],
        ["export", "--only", "no-such-tag"],
        ["export", "--cases", "nowhere"],
        ["export", "--only", "ladder", "--out", "nowhere/cases.jsonl"],
    ],
)
def test_what_cannot_be_done_is_one_line_and_code_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["eval", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


def test_a_half_written_file_of_cases_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cases.jsonl"
    assert main(["eval", "export", "--only", "ladder", "--out", str(file)]) == 0
    file.write_bytes(file.read_bytes()[:-400])
    capsys.readouterr()
    assert main(["eval", "import", str(file), "--out", str(tmp_path / "in")]) == 2
    assert "cases.jsonl:20" in capsys.readouterr().err
    assert not (tmp_path / "in").exists()
