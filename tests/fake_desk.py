"""A desk without a rulebook or a database, for what the doors do by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from starlette.testclient import TestClient

from service.app import create_app
from service.assembly import Broken, Desk
from service.database.tables import HEAD
from service.errors import YouliError
from service.limiting.limiter import Limiter
from service.rulebook.forbidden import ForbiddenRules
from service.schemas import (
    Basis,
    DemandOut,
    DocumentIngested,
    Draft,
    Event,
    Inquiry,
    ReadingOut,
    SearchRequest,
    SearchResult,
    Step,
    WriterOut,
)
from service.settings import Settings


def a_draft(inquiry: Inquiry, draft_id: str = "dft_01fake") -> Draft:
    return Draft(
        id=draft_id,
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        shop=inquiry.shop,
        reply="收到，这就给您看。",
        verdict="reasonable",
        scenario="vague",
        scenario_name="说不清",
        threat="none",
        reading=ReadingOut(demands=["refund"], cause="unsaid", emotion="calm", confidence=0.5),
        demands=[DemandOut(demand="refund", verdict="reasonable")],
        basis=Basis(boundary="b", name="边界"),
        missing=[],
        steps=[Step(step="empathy", text="收到，这就给您看。")],
        citations=[],
        derived=[],
        findings=[],
        advice=[],
        writer=WriterOut(kind="playbook"),
        knowledge_version="1+abc",
    )


@dataclass
class FakeDrafter:
    """Gives the contract's events; fails before or after the first one when told so."""

    before: Exception | None = None
    after: Exception | None = None
    pause: float = 0.0
    closed: bool = False
    knowledge_version: str = "1+abc"

    async def draft(self, inquiry: Inquiry) -> AsyncIterator[Event]:
        if self.before is not None:
            raise self.before
        draft = a_draft(inquiry)
        try:
            yield Event(type="draft.created", data={"id": draft.id})
            await asyncio.sleep(self.pause)
            if self.after is not None:
                raise self.after
            yield Event(type="draft.step", data=draft.steps[0].model_dump(mode="json"))
            yield Event(type="draft.completed", draft=draft)
        finally:
            self.closed = True


@dataclass
class FakeLibrary:
    chroma: str = "ready"
    chunks: int = 3
    conflicts: int = 0
    vectors: dict[str, Any] = field(default_factory=dict)
    added: list[tuple[str, bytes, dict[str, Any]]] = field(default_factory=list)

    async def add(self, name: str, data: bytes, **form: Any) -> DocumentIngested:
        self.added.append((name, data, form))
        return DocumentIngested(id="doc_1", version=1, state="draft", chunks=1, held=0, warnings=[])

    async def find(self, request: SearchRequest) -> SearchResult:
        return SearchResult(passages=[])

    def health(self) -> dict[str, Any]:
        vectors = {"semantic": False, "dim": 512, "lacking": 0, "waiting": 0, "reason": None, **self.vectors}
        return {
            "chroma": {"state": self.chroma},
            "chunks": self.chunks,
            "documents": 1,
            "held": 0,
            "pointer": "g1.abcdef01",
            "conflicts": self.conflicts,
            "embedder": "hash-ngram",
            "fingerprint": "hash-ngram-1",
            "vectors": vectors,
        }


@dataclass
class FakeStore:
    kept: dict[tuple[str, str], tuple[Draft, Inquiry]] = field(default_factory=dict)
    broken: YouliError | None = None

    waiting: int = 0

    async def reach(self) -> str:
        if self.broken is not None:
            raise self.broken
        return HEAD

    async def get_draft(self, draft_id: str, shop: str) -> tuple[Draft, Inquiry] | None:
        if self.broken is not None:
            raise self.broken
        return self.kept.get((draft_id, shop))


@dataclass
class FakeRulebook:
    digest: str = "abc"
    forbidden: ForbiddenRules = field(default_factory=lambda: ForbiddenRules([]))


@dataclass
class FakeDesk:
    settings: Settings = field(default_factory=lambda: Settings(auth="off", data_dir=Path("unused")))
    rulebook: FakeRulebook = field(default_factory=FakeRulebook)
    library: FakeLibrary = field(default_factory=FakeLibrary)
    store: FakeStore = field(default_factory=FakeStore)
    drafter: FakeDrafter = field(default_factory=FakeDrafter)
    broken: Broken | None = None
    restart: bool = False
    model: Any = None
    limiter: Any = field(default=None)

    def __post_init__(self) -> None:
        """Counts are its own: a client without a lifespan has a loop for every request, no connection outlives one."""
        self.limiter = self.limiter or Limiter(self.settings.model_copy(update={"redis_url": None}))

    @property
    def knowledge_version(self) -> str:
        return "1+abc"


def client_of(desk: FakeDesk, **options: Any) -> TestClient:
    """A client of the doors of a desk."""
    app = create_app(desk.settings, desk=cast(Desk, desk), hosts={"testserver"})
    return TestClient(app, **options)


ASKED: dict[str, Any] = {"messages": [{"role": "customer", "content": "在吗"}]}


def is_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem document of an answer that must be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:youli:problem:{code}"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert any("\u4e00" <= c <= "\u9fff" for c in body["detail"])
    assert "{" not in body["detail"]
    return body
