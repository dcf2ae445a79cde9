"""What a publication would do to the suite's cases is shown before it happens, and nothing happens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evals.dataset import Case, load_cases
from evals.impact import Asked, Impact, impact
from service.cli import main
from service.commands.impact import copy_of
from service.drafting import Drafter
from service.errors import Conflict, NotFound, Unavailable, UsageError, YouliError
from service.library.store import Library
from service.rulebook.cited import CitedRule
from service.schemas import DocumentState, Draft, Inquiry
from service.settings import read_settings
from tests.desk import draft, shipped
from tests.papers import added
from tests.rows import rows_of

WORDS = (
    "取暖器一直没拆、封条好好的，家里交了暖气费、屋里不冷，用不上想退：签收超过七天、没有毛病的，不再办理无理由退货。"
)


def heater(more: str) -> bytes:
    return f"# 取暖器退货说明\n\n## 超过七天\n{WORDS}{more}\n".encode()


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    wanted = {"overdue_no_reason.a1", "quality_in_window.a1", "invoice.a1"}
    return [case for case in load_cases() if case.entry.id in wanted]


def asked(cases: Sequence[Case]) -> list[Asked]:
    return [Asked(case.entry.id, case.entry.name, case.inquiry) for case in cases]


async def tried(library: Library, cases: Sequence[Case], document: str, version: int) -> Impact:
    drafter = Drafter(shipped(), library)

    async def drafting(inquiry: Inquiry) -> Draft:
        return await draft(inquiry, drafter)

    async def publish() -> DocumentState:
        return await library.publish(document, version)

    return await impact(asked(cases), drafting, publish)


async def test_cases_that_change_are_named_and_the_rest_counted(library: Library, cases: list[Case]) -> None:
    made = await added(library, heater("可以帮客户联系以旧换新。"), publish=True)
    await added(library, heater("可以帮客户在店里挂一个转让。"), document_id=made.id)
    found = await tried(library, cases, made.id, 2)
    assert found.cases == 3 and found.unchanged + len(found.touched) == 3
    one = next(one for one in found.touched if one.case == "overdue_no_reason.a1")
    (change,) = one.changes
    assert change.what == "guidance" and found.count("guidance") == len(found.touched)
    assert "以旧换新" in change.before[0] and "转让" in change.after[0]
    assert found.state is not None and found.state.published == 2


async def test_the_same_words_again_change_nothing(library: Library, cases: list[Case]) -> None:
    made = await added(library, heater("可以换色。"), publish=True)
    await added(library, heater("可以换色。").replace(b"\n\n##", b"\n\n\n##"), document_id=made.id)
    found = await tried(library, cases, made.id, 1)
    assert (found.unchanged, found.touched) == (3, [])


async def test_a_rule_that_would_lose_its_source_shows_the_cases_that_rest_on_it(
    library: Library, cases: list[Case]
) -> None:
    made = await added(library, heater(""), publish=True)
    await added(
        library, "# 取暖器退货说明\n\n## 别的\n这一节讲别的事情，跟天数没有关系。\n".encode(), document_id=made.id
    )
    boundary = (await draft(cases[0].inquiry, Drafter(shipped(), library))).basis.boundary
    library.publisher.cited = (CitedRule(boundary, made.id, "超过七天", Path("x.yaml"), 1),)
    found = await tried(library, cases, made.id, 2)
    assert found.refused is not None and boundary in found.refused and found.boundaries == [boundary]
    assert [one.case for one in found.touched] == [cases[0].entry.id]
    assert found.touched[0].changes[0].what == "loses_rule" and found.state is None


async def test_another_error_is_not_taken_for_an_effect(cases: list[Case]) -> None:
    async def drafting(inquiry: Inquiry) -> Draft:
        return await draft(inquiry)

    async def publish() -> DocumentState:
        raise Conflict("file_managed", path="knowledge/x.md")

    with pytest.raises(Conflict):
        await impact(asked(cases[:1]), drafting, publish)


async def test_a_draft_that_fails_on_one_side_is_a_change(cases: list[Case], library: Library) -> None:
    made = await added(library, heater(""), publish=True)
    published = False

    async def drafting(inquiry: Inquiry) -> Draft:
        if published:
            raise YouliError("overloaded")
        return await draft(inquiry)

    async def publish() -> DocumentState:
        nonlocal published
        published = True
        return await library.publish(made.id, 1)

    found = await impact(asked(cases[:1]), drafting, publish)
    assert "error" in {change.what for change in found.touched[0].changes}


def test_the_command_tries_on_a_copy(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("evals.dataset.load_cases", lambda: cases)  # all of them take a minute
    monkeypatch.setattr("service.rulebook.book.load_rulebook", lambda *where: shipped())
    for name, more in (("a.md", "可以帮客户联系以旧换新。"), ("b.md", "可以帮客户在店里挂一个转让。")):
        (tmp_path / name).write_bytes(heater(more))
    first = told(capsys, "add", str(tmp_path / "a.md"), "--kind", "shop", "--publish")
    told(capsys, "add", str(tmp_path / "b.md"), "--kind", "shop", "--document", first["id"])
    before = rows_of(tmp_path / "data")
    assert before["versions"]
    found = Impact.model_validate(told(capsys, "publish", first["id"], "--impact"))
    assert found.cases == 3 and "overdue_no_reason.a1" in {one.case for one in found.touched}
    assert rows_of(tmp_path / "data") == before
    assert told(capsys, "show", first["id"])["version"] == 1
    told(capsys, "publish", first["id"], "--version", "9", "--impact", code=2)
    told(capsys, "publish", "nobody", "--impact", code=2)


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert main(["knowledge", *arguments, "--json"]) == code
    out, err = capsys.readouterr()
    return json.loads(out or err)


def test_what_cannot_be_copied_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        copy_of(read_settings(database_url="mysql://u:p@h/d"), tmp_path)
    assert "SQLite" in caught.value.detail and "u:p" not in caught.value.detail
    with pytest.raises(Unavailable) as away:
        copy_of(read_settings(database_url="postgresql://u:geheim@127.0.0.1:1/d"), tmp_path)
    assert (away.value.code, "geheim" in away.value.detail) == ("database_away", False)
    none = tmp_path / "data"
    with pytest.raises(NotFound):
        copy_of(read_settings(data_dir=none, database_url=f"sqlite+aiosqlite:///{none / 'youli.sqlite3'}"), tmp_path)
    assert not none.exists()
