"""What works, what is down, and what still works without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from service.errors import ModelError, Unavailable
from service.llm import ModelClient
from service.settings import Settings
from tests.fake_desk import FakeDesk, FakeLibrary, FakeStore, client_of


def _parts(desk: FakeDesk, status: int = 200) -> dict[str, dict[str, str]]:
    answer = client_of(desk).get("/readyz")
    assert answer.status_code == status
    assert answer.json()["ready"] is (status == 200)
    parts: dict[str, dict[str, str]] = answer.json()["parts"]
    return parts


def test_a_service_without_a_model_is_ready_and_says_so() -> None:
    parts = _parts(FakeDesk())
    assert parts["model"]["state"] == "off"
    assert "话术" in parts["model"]["note"]
    assert "YOULI_MODEL" in parts["model"]["note"]
    assert parts["rulebook"]["details"] == {"digest": "abc"}
    assert "hash-ngram" in parts["search"]["note"]
    assert {part["state"] for part in parts.values()} == {"up", "off"}


def test_an_endpoint_that_fails_is_told_and_stops_nothing() -> None:
    endpoint = {"semantic": True, "dim": 64, "lacking": 2, "waiting": 1, "reason": "embedding_changed"}
    search = _parts(FakeDesk(library=FakeLibrary(vectors=endpoint)))["search"]
    assert search["state"] == "degraded"
    assert "youli knowledge reindex" in search["note"]
    told = {"chunks": 3, "vectors": "hash-ngram-1", "open_conflicts": 0, "embedder": "hash-ngram", **endpoint}
    assert search["details"] == told
    search = _parts(FakeDesk(library=FakeLibrary(vectors=endpoint | {"reason": None})))["search"]
    assert (search["state"], "64 维" in search["note"]) == ("up", True)


def test_a_model_is_named_but_never_its_key() -> None:
    settings = Settings(auth="off", model="some-model", data_dir=Path("unused"), OPENAI_API_KEY=SecretStr("sk-secret"))  # type: ignore[call-arg]
    answer = client_of(FakeDesk(settings=settings)).get("/readyz")
    assert answer.json()["parts"]["model"]["details"] == {"model": "some-model"}
    assert "sk-secret" not in answer.text


def test_a_model_that_is_left_alone_is_told_with_its_cause_and_without_stopping_anything() -> None:
    settings = Settings(auth="off", model="some-model", data_dir=Path("unused"), OPENAI_API_KEY=SecretStr("sk-secret"))  # type: ignore[call-arg]
    desk = FakeDesk(settings=settings, model=ModelClient("some-model", "sk-secret"))
    assert _parts(desk)["model"]["state"] == "up"
    with pytest.raises(ModelError), desk.model.breaker.attempt(8.0):
        raise ModelError("llm_auth", calls=1)
    model = _parts(desk)["model"]
    assert model["state"] == "degraded"
    assert "密钥" in model["note"]
    assert model["details"]["cause"] == "llm_auth"
    assert model["details"]["until"]
    assert "sk-secret" not in str(model)


@pytest.mark.parametrize("state", ["off", "building", "broken"])
def test_chroma_may_be_away(state: str) -> None:
    chroma = _parts(FakeDesk(library=FakeLibrary(chroma=state)))["chroma"]
    assert chroma["state"] == "off"
    assert "精确" in chroma["note"]
    assert state in chroma["note"]


def test_an_empty_library_is_said() -> None:
    assert "youli knowledge sync" in _parts(FakeDesk(library=FakeLibrary(chunks=0)))["search"]["note"]


def test_a_database_that_cannot_be_read_means_not_ready() -> None:
    parts = _parts(FakeDesk(store=FakeStore(broken=Unavailable("db_busy"))), status=503)
    assert parts["database"]["state"] == "down"
    assert parts["database"]["details"] == {"code": "db_busy"}
    assert "照常" in parts["database"]["note"]


def test_alive_and_version() -> None:
    client = client_of(FakeDesk())
    assert client.get("/healthz").json() == {"status": "ok"}
    version = client.get("/version").json()
    assert version["name"] == "youli"
    assert version["rulebook"] == "abc"
    assert version["knowledge_version"] == "1+abc"
