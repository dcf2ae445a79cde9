"""What people's edits suggest: nothing private, nothing without a person, and an accepted script surely loads."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api.described import examples_of
from service.app import create_app
from service.cli import main
from service.insight.patching import Patches, Unfit, with_bullet, with_question
from service.rulebook.methodfile import script_rules
from service.rulebook.scripts import load_scenarios
from service.schemas.proposals import Gathered, Proposal
from service.settings import Settings
from tests.desk import KNOWLEDGE, shipped
from tests.fake_desk import is_problem
from tests.prepared import ready
from tests.rows import change, rows_of

UMBRELLA: dict[str, Any] = examples_of("create_draft")["refuse"]["request"]
CLOSING = "您琢磨琢磨，定下来吱一声。"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return ready(tmp_path / "data")


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(auth="off", data_dir=home), hosts={"testserver"})) as running:
        yield running


def edited(client: TestClient, closing: str = CLOSING, **more: Any) -> dict[str, Any]:
    """A draft whose last bubble a person wrote anew."""
    made: dict[str, Any] = client.post("/v1/drafts", json=UMBRELLA | {"writer": "playbook"} | more).json()
    sent = "\n".join([*(step["text"] for step in made["steps"][:-1]), closing])
    told = client.post(f"/v1/drafts/{made['id']}/feedback", json={"action": "edited", "final_text": sent})
    assert told.status_code == 200, told.text
    return made | {"feedback": told.json()}


def gathered(client: TestClient) -> Gathered:
    return Gathered.model_validate(client.post("/v1/proposals", json={"shop": "default"}).json())


def listed(client: TestClient, **query: str) -> list[Proposal]:
    body = client.get("/v1/proposals", params=query).json()
    return [Proposal.model_validate(one) for one in body["proposals"]]


def test_an_edited_step_becomes_a_script_that_loads(client: TestClient, tmp_path: Path) -> None:
    made = edited(client)
    assert made["feedback"]["passed"] is True
    assert gathered(client).looked == 1
    script = next(one for one in listed(client, kind="script"))
    assert (script.text, script.step, script.scenario, script.state) == (CLOSING, "closing", made["scenario"], "open")
    answer = client.post(
        f"/v1/proposals/{script.id}/accept", json={"note": "更干脆"}, headers={"If-Match": f'"{script.revision}"'}
    )
    assert answer.status_code == 200, answer.text
    accepted = Proposal.model_validate(answer.json())
    assert (accepted.state, accepted.decided_by, accepted.unfit) == ("accepted", "local", None)
    assert answer.headers["etag"] == '"2"'
    assert accepted.patch is not None
    shutil.copytree(KNOWLEDGE / "scenarios", tmp_path / "copy" / "knowledge" / "scenarios")
    subprocess.run(["git", "apply", "-"], cwd=tmp_path / "copy", input=accepted.patch, text=True, check=True)
    rules = script_rules(shipped().method.entry)
    book = load_scenarios(tmp_path / "copy" / "knowledge" / "scenarios", shipped().facts, rules)
    scripts = book[made["scenario"]].scripts[(made["verdict"], "closing")]
    assert scripts[0].text == CLOSING
    assert (KNOWLEDGE / "scenarios" / f"{made['scenario']}.md").read_text("utf-8").count(CLOSING) == 0


def test_numbers_goods_and_address_go_back_to_their_slots(client: TestClient) -> None:
    made = client.post("/v1/drafts", json=UMBRELLA | {"writer": "playbook"}).json()
    days = UMBRELLA["order"]["days_since_received"]
    rule = f"无理由这条路走不通了，您这单到今天是第{days}天。"
    sent = "\n".join(rule if step["step"] == "rule" else step["text"] for step in made["steps"])
    told = client.post(f"/v1/drafts/{made['id']}/feedback", json={"action": "edited", "final_text": sent}).json()
    assert told["findings"] == []
    gathered(client)
    texts = [one.text for one in listed(client, kind="script")]
    assert "无理由这条路走不通了，您这单到今天是第{签收天数}天。" in texts
    assert not [text for text in texts if any(char.isdigit() for char in text or "")]


def test_the_same_again_is_counted_not_repeated(client: TestClient) -> None:
    for _ in range(3):
        edited(client)
    first = gathered(client)
    again = gathered(client)
    assert (first.looked, again.looked) == (3, 0)
    scripts = listed(client, kind="script")
    assert [(one.text, one.times, len(one.drafts)) for one in scripts] == [(CLOSING, 3, 3)]
    rejected = client.post(f"/v1/proposals/{scripts[0].id}/reject", json={"note": "太冷"})
    assert rejected.json()["state"] == "rejected"
    edited(client)
    gathered(client)
    assert listed(client, kind="script", state="open") == []
    is_problem(client.post(f"/v1/proposals/{scripts[0].id}/accept", json={}), 409, "proposal_decided")


@pytest.mark.parametrize(
    "closing",
    [
        "您琢磨琢磨，定下来打13812345678。",
        "您琢磨琢磨，定下来回小王美丽一声。",
        "您琢磨琢磨，我给您退500元。",
        "您琢磨琢磨，保证您满意。",
    ],
)
def test_what_is_private_unfounded_or_forbidden_is_not_proposed(client: TestClient, closing: str) -> None:
    edited(client, closing, context={"buyer": "小王美丽"})
    gathered(client)
    assert [one.text for one in listed(client, kind="script")] == []


def test_a_case_is_made_from_the_draft_and_goes_with_it(client: TestClient, home: Path) -> None:
    edited(client)
    gathered(client)
    case = listed(client, kind="case")[0]
    shown = client.get(f"/v1/proposals/{case.id}").json()
    assert shown["file"].startswith("evals/cases/live/")
    assert "+  messages:" in shown["patch"]
    assert UMBRELLA["messages"][0]["content"] in shown["patch"]

    kept = [row for row in rows_of(home, "proposals")["proposals"] if row.kind != "script"]
    assert kept
    assert all(row.text is None for row in kept)
    change(home, "DELETE FROM feedback", "DELETE FROM drafts")
    gone = client.get(f"/v1/proposals/{case.id}").json()
    assert (gone["text"], gone["patch"]) == (None, None)
    is_problem(client.post(f"/v1/proposals/{case.id}/accept", json={}), 409, "proposal_unfit")


def test_a_lost_race_is_told(client: TestClient) -> None:
    edited(client)
    gathered(client)
    one = listed(client, kind="script")[0]
    late = client.post(f"/v1/proposals/{one.id}/reject", json={}, headers={"If-Match": '"7"'})
    is_problem(late, 412, "proposal_changed")
    assert listed(client, kind="script")[0].state == "open"


def test_another_shop_sees_none_of_it(client: TestClient) -> None:
    edited(client)
    gathered(client)
    one = listed(client)[0]
    assert listed(client, shop="demo") == []
    is_problem(client.get(f"/v1/proposals/{one.id}", params={"shop": "demo"}), 404, "proposal_not_found")
    is_problem(client.post(f"/v1/proposals/{one.id}/accept?shop=demo", json={}), 404, "proposal_not_found")


def test_the_command_line_decides_and_exports(
    client: TestClient, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(client)
    monkeypatch.setenv("YOULI_DATA_DIR", str(home))
    assert main(["proposals", "gather"]) == 0
    assert main(["proposals", "list"]) == 0
    assert CLOSING in capsys.readouterr().out
    script = listed(client, kind="script")[0]
    capsys.readouterr()
    assert main(["proposals", "accept", script.id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "accepted"
    out = tmp_path / "accepted.patch"
    assert main(["proposals", "export", str(out)]) == 0
    assert f"+- {CLOSING}" in out.read_text("utf-8")
    assert main(["proposals", "show", "prp_none"]) == 2


DOCUMENT = "---\nscenario: x\nquestions: [能退吗]\n---\n# x\n\n## 不合理\n\n### 友好结束\n- 您看呢。\n\n## 合理\n"


def test_where_a_line_goes() -> None:
    assert "### 友好结束\n- 新的。\n- 您看呢。" in with_bullet(DOCUMENT, "不合理", "友好结束", "新的。")
    made = with_bullet(DOCUMENT, "不合理", "替代方案", "新的。")
    assert made.index("### 替代方案\n- 新的。") < made.index("## 合理")
    assert with_bullet(DOCUMENT, "需澄清", "追问澄清", "新的。").endswith("## 需澄清\n\n### 追问澄清\n- 新的。\n")
    assert "questions: [能退吗, 几天能退]" in with_question(DOCUMENT, "几天能退")
    assert 'questions: [能退吗, "退, 还是不退"]' in with_question(DOCUMENT, "退, 还是不退")
    with pytest.raises(Unfit):
        with_question(DOCUMENT, "能退吗")


def test_what_would_not_load_is_no_patch() -> None:
    patches = Patches(shipped())
    row = {"kind": "script", "scenario": "overdue_no_reason", "verdict": "unreasonable", "step": "closing"}
    with pytest.raises(Unfit):
        patches.add(row, "再等99天。")
    assert patches.diff() == ""
