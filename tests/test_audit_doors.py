"""What the doors and commands tell the trail, and what they must never tell it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.cli import main
from service.settings import Settings
from tests.prepared import ready
from tests.rows import rows_of

SAID = "青瓷盖碗收到就裂成两半了，想退货退款，我的电话是十三个零"
PRODUCT = "手绘梅子青盖碗礼盒"
SENT = "青瓷盖碗的裂痕看到了，退货退款这就给您登记，来回运费都由店里出。"
REASON = "客户急着要结果所以改短"
TITLE, NOTE, AUTHOR = "梅子青器皿养护须知", "把第三条写得更明白些", "沈掌柜的徒弟"
PASSAGE = "梅子青器皿第一次用之前，先用淡盐水慢慢煮一刻钟再自然放凉。"
WORDS = (SAID, PRODUCT, SENT, REASON, TITLE, NOTE, AUTHOR, PASSAGE, "buyer-77c1", "talk-5521", "operator-9")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ready(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(auth="off", data_dir=folder), hosts={"testserver"})) as made:
        yield made


@pytest.fixture(scope="module")
def lived(client: TestClient) -> str:
    """A desk's day: drafted, checked, edited, a document taken in, published."""
    context = {"buyer": "buyer-77c1", "conversation": "talk-5521", "operator": "operator-9"}
    inquiry = {"messages": [{"role": "customer", "content": SAID}], "order": {"product": PRODUCT}, "context": context}
    draft = client.post("/v1/drafts", json=inquiry).json()
    client.post("/v1/checks", json={"text": SENT, "draft": draft["id"]}).raise_for_status()
    batch = [{"text": SENT, "draft": draft["id"]}, {"text": SENT}]
    client.post("/v1/checks/batch", json={"items": batch}).raise_for_status()
    given = {"action": "edited", "final_text": SENT, "reason": REASON}
    client.post(f"/v1/drafts/{draft['id']}/feedback", json=given).raise_for_status()
    client.post(f"/v1/drafts/{draft['id']}/feedback", json=given).raise_for_status()
    form = {"kind": "guideline", "title": TITLE, "note": NOTE, "author": AUTHOR, "publish": "true"}
    file = {"file": ("care.md", f"# {TITLE}\n\n{PASSAGE}\n".encode(), "text/markdown")}
    client.post("/v1/knowledge/documents", data=form, files=file).raise_for_status()
    client.post("/v1/evals/live", json={}).raise_for_status()
    return str(draft["id"])


def entries(client: TestClient, **query: str) -> list[dict]:
    answer = client.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["entries"]


def test_a_draft_s_whole_life_is_told(client: TestClient, lived: str) -> None:
    told = entries(client, object=lived)[::-1]
    assert [one["action"] for one in told] == ["draft.made", "check.made", "check.made", "feedback.edited"]
    made, checked, _, edited = (one["details"] for one in told)
    draft = client.get(f"/v1/drafts/{lived}").json()
    for name in ("verdict", "scenario", "knowledge_version"):
        assert made[name] == draft[name]
    assert (made["writer"], made["boundary"]) == (draft["writer"]["kind"], draft["basis"]["boundary"])
    assert checked["text"] == edited["sent"] and checked["text"].startswith("hmac:")
    assert checked["passed"] == edited["passed"] and edited["overrode"] is (edited["passed"] is False)
    assert {(one["actor"], one["role"]) for one in told} == {("local", "admin")}


def test_documents_rules_and_samples_are_told(client: TestClient, lived: str) -> None:
    actions = [one["action"] for one in entries(client, limit="20")]
    for action in ("document.added", "document.published", "drafts.sampled"):
        assert action in actions
    assert entries(client, action="rulebook.kept")[0]["object"]
    assert entries(client, action="folder.synced")[0]["details"]["published"] > 50


def test_nobody_s_words_are_in_the_trail(folder: Path, lived: str) -> None:
    rows = rows_of(folder, "audit")["audit"]
    trail = "\n".join(str(value) for row in rows for value in row)
    assert len(rows) > 100
    windows = {word[at : at + 4] for word in WORDS if not word.isascii() for at in range(len(word) - 3)}
    windows |= {word for word in WORDS if word.isascii()}
    assert not {one for one in windows if one in trail}


def test_the_list_is_filtered_and_paged(client: TestClient, lived: str) -> None:
    first = client.get("/v1/audit", params={"limit": 3}).json()
    second = client.get("/v1/audit", params={"limit": 3, "cursor": first["next"]}).json()
    numbers = [one["seq"] for one in (*first["entries"], *second["entries"])]
    assert numbers == list(range(numbers[0], numbers[0] - 6, -1))
    assert entries(client, shop="other") == []
    assert entries(client, actor="key_nobody") == []
    assert entries(client, since="2999-01-01T00:00:00Z") == []
    assert client.get("/v1/audit", params={"cursor": "x"}).status_code == 422


def told(capsys: pytest.CaptureFixture[str]) -> dict:
    """What a command printed; the service of this module may log a line of its own before it."""
    printed = capsys.readouterr().out
    return json.loads(printed[printed.index("{\n") :])


def test_commands_verify_list_and_export(
    folder: Path, lived: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(folder))
    assert main(["audit", "head"]) == 0
    head = capsys.readouterr().out.split()[-1]
    assert main(["audit", "verify", "--head", head]) == 0
    assert head in capsys.readouterr().out
    assert main(["audit", "verify", "--head", f"{10**9}:{'0' * 64}", "--json"]) == 1
    assert told(capsys)["problems"][0]["what"] == "cut_off"
    assert main(["audit", "verify", "--head", "nonsense"]) == 2
    assert main(["audit", "list", "--object", lived, "--json"]) == 0
    assert len(told(capsys)["entries"]) == 4
    assert main(["audit", "export", "--object", lived]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"]
    assert [one["action"] for one in lines][-1] == "feedback.edited"
    assert main(["audit", "export", "--format", "csv", "--out", str(tmp_path / "a.csv")]) == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text("utf-8"))))
    assert rows[0]["seq"] == "1" and len(rows) > 100
    capsys.readouterr()
    assert main(["audit", "list", "--action", "audit.exported", "--json"]) == 0
    assert len(told(capsys)["entries"]) == 2
    assert main(["audit", "export", "--out", str(tmp_path / "no" / "such")]) == 2
