"""The doors of contradictions, HTTP and shell: listed, looked at, ruled on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from service.app import create_app
from service.assembly import Desk
from service.cli import main
from service.library.store import Library
from service.rulebook.thesaurus import Thesaurus
from service.settings import Settings
from tests.fake_desk import FakeDesk, FakeLibrary, client_of

CALM = "# 先安抚\n接到投诉，先共情安抚，再讲规则。\n"
CLEAR = "# 先说结论\n回复客户先给结论，再讲原因。\n"
PATH = "/v1/knowledge/conflicts"


async def _fill(library: Library) -> None:
    for name, text in (("calm.md", CALM), ("clear.md", CLEAR)):
        await library.add(name, text.encode(), kind="guideline", publish=True)


@pytest.fixture
async def doors(library: Library) -> AsyncIterator[httpx.AsyncClient]:
    """The doors over a library with one contradiction."""
    await _fill(library)
    desk = FakeDesk(library=cast(FakeLibrary, library))
    app = create_app(desk.settings, desk=cast(Desk, desk), hosts={"testserver"})
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


async def _listed(doors: httpx.AsyncClient, **query: str) -> Any:
    answer = await doors.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_contradictions_are_listed_looked_at_and_ruled_on(doors: httpx.AsyncClient) -> None:
    page = await _listed(doors)
    assert (page["total"], page["open"]) == (1, 1)
    found = page["conflicts"][0]
    assert found["question"]
    assert {found["left"]["quote"], found["right"]["quote"]} == {
        "接到投诉，先共情安抚，再讲规则。",
        "回复客户先给结论，再讲原因。",
    }
    assert (await doors.get(f"{PATH}/{found['id']}")).json() == found
    ruling = {"keep": "right", "note": "先说结论的那份旧了", "author": "王"}
    answer = await doors.post(f"{PATH}/{found['id']}/ruling", json=ruling)
    assert answer.status_code == 200
    ruled = answer.json()
    assert (ruled["state"], ruled["ruling"]["keep"], ruled["ruling"]["author"]) == ("ruled", "right", "王")
    assert (ruled["left"]["overruled"], ruled["right"]["overruled"]) == (True, False)
    assert (await _listed(doors))["total"] == 0
    assert (await _listed(doors, state="ruled"))["total"] == 1
    assert (await _listed(doors, state="all", document=found["left"]["document_id"]))["total"] == 1
    assert (await _listed(doors, state="all", document="doc_none"))["total"] == 0
    assert (await _listed(doors, state="all", shop="other"))["total"] == 0


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("0" * 24, None, 404, "conflict_not_found"),
        ("编号", None, 404, "conflict_not_found"),
        (f"{'0' * 24}/ruling", {"keep": "left"}, 404, "conflict_not_found"),
        (f"{'0' * 24}/ruling", {"keep": "up"}, 422, "invalid_request"),
        (f"{'0' * 24}/ruling", {"keep": "left", "why": "x"}, 422, "invalid_request"),
        (f"{'0' * 24}/ruling", {}, 422, "invalid_request"),
        ("?state=maybe", None, 422, "invalid_request"),
        ("?colour=red", None, 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_done_is_a_problem(
    doors: httpx.AsyncClient, path: str, body: Any, status: int, code: str
) -> None:
    url = PATH + path if path.startswith("?") else f"{PATH}/{path}"
    answer = await (doors.get(url) if body is None else doors.post(url, json=body))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_readiness_says_how_many_wait() -> None:
    desk = FakeDesk()
    desk.library.conflicts = 3
    part = client_of(desk).get("/readyz").json()["parts"]["search"]
    assert part["details"]["open_conflicts"] == 3
    assert "3 处矛盾" in part["note"]


@pytest.fixture
def filled(settings: Settings, thesaurus: Thesaurus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A data folder with one contradiction, and no files to sync."""
    knowledge = tmp_path / "knowledge"
    (knowledge / "guidelines").mkdir(parents=True)
    (knowledge / "rules").mkdir()
    for name in ("library", "thesaurus.yaml"):
        (knowledge / name).symlink_to(settings.knowledge_dir / name)
    monkeypatch.setenv("YOULI_AUTH", "off")
    monkeypatch.setenv("YOULI_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("YOULI_KNOWLEDGE_DIR", str(knowledge))

    async def fill() -> None:
        library = await Library.open(settings, thesaurus)
        await _fill(library)
        await library.close()

    asyncio.run(fill())


@pytest.mark.usefixtures("filled")
def test_the_shell_lists_and_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["knowledge", "conflicts"]) == 0
    said = capsys.readouterr().out
    assert "先共情还是先给结论" in said and "回复客户先给结论" in said
    assert main(["knowledge", "conflicts", "--json"]) == 0
    key = json.loads(capsys.readouterr().out)["conflicts"][0]["id"]
    assert main(["knowledge", "rule", key, "--keep", "both", "--note", "分场合"]) == 0
    assert "分场合" in capsys.readouterr().out
    assert main(["knowledge", "conflicts", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 0
    assert main(["knowledge", "conflicts", "--all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 1
    assert main(["knowledge", "rule", "nothing", "--keep", "left"]) == 2
    assert main(["knowledge", "rule", key, "--keep", "up"]) == 2


@pytest.mark.usefixtures("filled")
@pytest.mark.sqlite_only("without --online the doctor asks no server")
def test_the_doctor_counts_what_waits(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    assert "1 处矛盾等人裁定" in capsys.readouterr().out
    main(["knowledge", "conflicts", "--json"])
    key = json.loads(capsys.readouterr().out)["conflicts"][0]["id"]
    main(["knowledge", "rule", key, "--keep", "both"])
    capsys.readouterr()
    main(["doctor"])
    assert "等人裁定：" not in capsys.readouterr().out
