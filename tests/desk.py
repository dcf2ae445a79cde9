"""The shipped rulebook and a small library, for tests that draft."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from service.drafting import Drafter
from service.library.embed import OFFLINE, Aim
from service.llm import ModelClient
from service.modelside import ModelSide
from service.rulebook.book import Rulebook
from service.schemas import Draft, Event, Inquiry
from service.writing.model import ModelWriter
from service.writing.prompts import Prompts
from tests.fake_model import FakeModel
from tests.prepared import load_once

ROOT = Path(__file__).resolve().parent.parent
KNOWLEDGE = ROOT / "knowledge"


@cache
def shipped() -> Rulebook:
    """The rulebook of this repository, loaded once a process; what it learns is shared with the other one."""
    return load_once(KNOWLEDGE)


@cache
def prompts() -> Prompts:
    """The prompts of this repository, read once a process: to make templates of them is dear."""
    return Prompts.load(ROOT / "prompts")


class EmptyLibrary:
    """A library with nothing in it: what a draft must not depend on."""

    knowledge_pointer = "none"

    def document(self, document_id: str, shop: str) -> None:
        return None

    async def aim(self, query: str, hide: object) -> Aim:
        return OFFLINE

    def search(self, request: object, aim: Aim) -> list[Any]:
        return []


def inquiry(*turns: str, order: dict[str, Any] | None = None, **rest: Any) -> Inquiry:
    """An inquiry from turns; one that begins with ``客服：`` is the agent's."""
    messages = [
        {"role": "agent", "content": turn.removeprefix("客服：")}
        if turn.startswith("客服：")
        else {"role": "customer", "content": turn}
        for turn in turns
    ]
    whole = {"messages": messages, "order": order or {}, "writer": "playbook", **rest}
    return Inquiry.model_validate(whole)


@asynccontextmanager
async def model_drafter(fake: FakeModel, deadline: float = 8.0, **more: Any) -> AsyncIterator[Drafter]:
    """A drafter whose model is ``fake``."""
    client = ModelClient("some-model", "sk-test", fake.url)
    side = ModelSide(ModelWriter(client, prompts()), deadline)
    yield Drafter(shipped(), more.pop("library", EmptyLibrary()), side, **more)
    await client.close()


async def events(made: Inquiry, drafter: Drafter) -> list[Event]:
    """All events of a draft."""
    return [event async for event in drafter.draft(made)]


async def draft(made: Inquiry, drafter: Drafter | None = None) -> Draft:
    """The finished draft."""
    drafter = drafter or Drafter(shipped(), EmptyLibrary())
    last = None
    async for event in drafter.draft(made):
        last = event
    assert last is not None and last.draft is not None
    return last.draft
