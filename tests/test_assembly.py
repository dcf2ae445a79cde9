"""The collaborators built together: the model's side, the lock, what happens when a part cannot be built."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from service.app import create_app
from service.assembly import assemble, warm
from service.errors import EnvironmentProblem, RulebookError
from service.settings import Settings, prepare_data_dir
from tests.fake_model import FakeModel, Reply
from tests.fake_vectors import embeds
from tests.prepared import ready

KEY = "sk-the-shops-own-key"
ASKED = {
    "messages": [{"role": "customer", "content": "我叫欧阳翠花，电话13800138000，伞放了一个月不想要了，退了吧"}],
    "order": {"product": "自动伞", "received": True, "days_since_received": 30, "used": False},
}


def _settings(data: Path, **more: Any) -> Settings:
    return Settings(auth="off", data_dir=data, **more)


def _with_model(data: Path, fake: FakeModel) -> Settings:
    return _settings(ready(data), model="fake-1", OPENAI_API_KEY=SecretStr(KEY), OPENAI_BASE_URL=fake.url)


@pytest.mark.parametrize("stream", [False, True])
def test_a_configured_model_writes_and_sees_no_personal_data(tmp_path: Path, stream: bool) -> None:
    with FakeModel() as fake, TestClient(create_app(_with_model(tmp_path, fake), hosts={"testserver"})) as client:
        assert client.get("/readyz").json()["parts"]["model"]["state"] == "up"
        answer = client.post("/v1/drafts", json=ASKED | {"stream": stream})
        sent = b"".join(request.head + request.body for request in fake.requests)
    assert fake.requests
    for private in ("欧阳翠花", "13800138000"):
        assert private.encode() not in sent
        assert private.encode("unicode_escape") not in sent
    assert KEY not in answer.text
    if not stream:
        writer = answer.json()["writer"]
        assert writer["calls"] == len(fake.requests)
        assert writer["prompt"].startswith("draft@")


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_model_that_fails_leaves_the_playbook(tmp_path: Path, status: int) -> None:
    failing = FakeModel(default=lambda _: Reply.status_of(status))
    with failing as fake, TestClient(create_app(_with_model(tmp_path, fake), hosts={"testserver"})) as client:
        answer = client.post("/v1/drafts", json=ASKED)
        plain = client.post("/v1/drafts", json=ASKED | {"writer": "playbook"}).json()
    draft = answer.json()
    assert answer.status_code == 201
    assert (draft["writer"]["kind"], draft["writer"]["degraded"]) == ("playbook", True)
    assert draft["writer"]["reason"].startswith("llm_")
    assert draft["reply"] == plain["reply"]
    assert "sk-" not in answer.text


async def test_one_owner_a_folder_and_the_lock_is_given_back(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    async with assemble(settings, owner=True):
        with pytest.raises(EnvironmentProblem) as caught:
            async with assemble(settings, owner=True):
                raise AssertionError("two owners")
        assert caught.value.code == "data_dir_locked"
        async with assemble(settings, owner=False) as guest:
            assert guest.library.health()["chunks"] > 0
            assert guest.library.health()["chroma"]["state"] == "off"
    async with assemble(settings, owner=True):
        pass


async def test_what_cannot_be_built_holds_nothing(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "draft.md").write_text("---\nabout: [\n---\n", "utf-8")
    data = tmp_path / "data"
    with FakeModel() as fake:
        broken = _with_model(data, fake).model_copy(update={"prompts_dir": prompts})
        with pytest.raises(RulebookError) as caught:
            async with assemble(broken, owner=True):
                raise AssertionError("built")
    assert "draft.md" in caught.value.detail
    async with assemble(_settings(data), owner=True):
        pass


async def test_a_broken_rulebook_touches_no_data_folder(tmp_path: Path) -> None:
    knowledge = tmp_path / "knowledge"
    knowledge.mkdir()
    data = tmp_path / "data"
    with pytest.raises(RulebookError):
        async with assemble(_settings(data, knowledge_dir=knowledge), owner=True):
            raise AssertionError("built")
    assert not data.exists()


async def test_warming_up_keeps_nothing(tmp_path: Path) -> None:
    async with assemble(_settings(ready(tmp_path)), owner=False) as desk:
        kept: list[Any] = []

        class Watching:
            async def save_draft(self, *draft: Any) -> None:
                kept.append(draft)

        desk.drafter.store = Watching()
        await warm(desk)
        assert kept == []
        assert desk.knowledge_version == f"{desk.library.knowledge_pointer}+{desk.rulebook.digest}"


def test_a_draft_is_looked_up_by_meaning_with_nothing_personal(tmp_path: Path) -> None:
    with FakeModel() as fake:
        fake.vectors = embeds()
        settings = _settings(ready(tmp_path), embedding_model="e-1", embedding_base_url=fake.url)
        asked = ASKED | {"context": {"buyer": "伞下听雨"}}
        asked["messages"] = [{"role": "customer", "content": "我是伞下听雨，电话13800138000，伞放了一个月，退了吧"}]
        with TestClient(create_app(settings, hosts={"testserver"})) as client:
            deadline = time.monotonic() + 60
            while client.get("/readyz").json()["parts"]["search"]["state"] != "up":
                assert time.monotonic() < deadline
                time.sleep(0.2)
            before = len(fake.embedded)
            draft = client.post("/v1/drafts", json=asked).json()
            assert draft["search"] == {"degraded": False, "reason": None}
            sent = "\n".join(fake.embedded[before:])
            assert "退了吧" in sent
            assert "13800138000" not in sent
            assert "伞下听雨" not in sent
            fake.vectors = lambda request: Reply.status_of(503)
            asked["messages"] = [{"role": "customer", "content": "伞不要了，退钱"}]
            plain = client.post("/v1/drafts", json=asked)
            assert plain.status_code == 201
            assert plain.json()["search"] == {"degraded": True, "reason": "embedding_unavailable"}
            assert plain.json()["citations"]


def test_a_data_folder_that_is_made_is_its_owners_alone_and_one_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    made, there = tmp_path / "new" / "data", tmp_path / "old"
    there.mkdir(mode=0o750)
    for folder in (made, there):
        prepare_data_dir(Settings(data_dir=folder))
    assert (made.stat().st_mode & 0o777, there.stat().st_mode & 0o777) == (0o700, 0o750)
