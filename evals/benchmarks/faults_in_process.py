"""Every fault of the model endpoint, one after the other, each with a client nobody has used before."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from evals.benchmarks.faulty import FINE, Variant
from evals.benchmarks.inquiries import bodies
from evals.benchmarks.processes import Served, control, held, waited_of
from evals.benchmarks.texts import KNOWLEDGE
from evals.benchmarks.verdicts import Tally, problems_of, same_steps
from service.drafting import Drafter
from service.library.store import Library
from service.llm import ModelClient
from service.modelside import ModelSide
from service.rulebook.book import Rulebook, load_rulebook
from service.rulebook.thesaurus import load_thesaurus
from service.schemas import Draft, Inquiry
from service.settings import HOME, read_settings
from service.writing.model import ModelWriter
from service.writing.prompts import Prompts

AT_ONCE = 4
INQUIRIES = 24
STARVED, STARVED_SHARE, AGAIN = "unexpected: llm_timeout", 0.15, 4
"""A draft that was late only, while the machine kept us or the endpoint from a processor for such a share of the
deadline, says nothing of the fault: it is made again, and that is counted."""


class Bench:
    """The shipped rulebook and documents, and drafts over them. Made by :func:`bench`."""

    def __init__(self, rulebook: Rulebook, library: Library, deadline: float, endpoint: int) -> None:
        self.rulebook, self.library, self._deadline = rulebook, library, deadline
        self._pids = (os.getpid(), endpoint)
        self._prompts = Prompts.load(HOME / "prompts")
        self._inquiries = [Inquiry.model_validate(body) for body in bodies(INQUIRIES, 4)]
        self._plans: list[list[str]] = []

    def waited(self) -> float:
        """Seconds this process and the endpoint were ready to run while the processors were at other work."""
        return sum(map(waited_of, self._pids))

    async def prepare(self) -> None:
        """Learn what a served process has learned, and what each inquiry's steps are as the playbook writes them."""
        for by_example in self.rulebook.listening.by_example:
            by_example.learn()
        for weighing in self.rulebook.listening.weighings:
            weighing.learn()
        self.rulebook.forbidden.ready()
        drafter = Drafter(self.rulebook, self.library)
        for inquiry in self._inquiries:
            draft, _ = await finished(drafter, inquiry.model_copy(update={"writer": "playbook"}))
            self._plans.append([step.step for step in draft.steps])

    async def variant(self, variant: Variant, port: int, stream: bool, repeats: int) -> Tally:
        """A fault so many times, a few at once."""
        if variant.address is None:
            control(port, fault=variant.id)
        url = (variant.address or "http://127.0.0.1:{port}/v1").format(port=port)
        tally, numbers = Tally(), iter(range(repeats))

        async def asker() -> None:
            for number in numbers:
                for _ in range(AGAIN):
                    seen = await self._one(url, number % INQUIRIES, stream, variant.reasons)
                    if seen[0] != [STARVED] or seen[3] < STARVED_SHARE * self._deadline:
                        break
                    tally.again += 1
                tally.add(*seen)

        await asyncio.gather(*(asker() for _ in range(AT_ONCE)))
        return tally

    async def sound(self, port: int, stream: bool, repeats: int = INQUIRIES) -> Tally:
        """The same with an endpoint that does as it should: else the rest proves nothing."""
        control(port, latency_ms=0)
        return await self.variant(
            Variant("", "", lambda *_: None, FINE, address="http://127.0.0.1:{port}/v1"), port, stream, repeats
        )

    async def _one(
        self, url: str, place: int, stream: bool, allowed: frozenset[str]
    ) -> tuple[list[str], str | None, float, float]:
        settings = read_settings(model="fake-1", OPENAI_API_KEY="sk-of-no-use", OPENAI_BASE_URL=url)
        client = ModelClient.from_settings(settings)
        assert client is not None
        side = ModelSide(ModelWriter(client, self._prompts), self._deadline)
        inquiry = self._inquiries[place].model_copy(update={"stream": stream})
        begun, waited = time.monotonic(), self.waited()
        try:
            draft, shown = await finished(Drafter(self.rulebook, self.library, side), inquiry)
            seconds = time.monotonic() - begun
            waited = self.waited() - waited
            told = draft.model_dump(mode="json", by_alias=True)
            problems = problems_of(told, self._plans[place], allowed)
            if not same_steps(shown, told["steps"]):
                problems.append("shown steps are not the draft's")
            return problems, draft.writer.reason if draft.writer.degraded else None, seconds, waited
        except Exception as error:
            return [f"raised {type(error).__name__}: {error}"[:200]], "raised", time.monotonic() - begun, 0.0
        finally:
            await client.close()


async def finished(drafter: Drafter, inquiry: Inquiry) -> tuple[Draft, list[dict[str, Any]]]:
    """The draft, and the steps as they were shown on the way."""
    shown, draft = [], None
    async for event in drafter.draft(inquiry):
        if event.type == "draft.step":
            shown.append(event.data)
        draft = event.draft or draft
    assert draft is not None
    return draft, shown


@asynccontextmanager
async def bench(folder: Path, deadline: float, endpoint: int, **settings: Any) -> AsyncIterator[Bench]:
    """Everything a drafter needs, with the documents taken in; ``endpoint`` is the number of its process."""
    rulebook = load_rulebook(KNOWLEDGE, folder / "learned")
    made = read_settings(data_dir=folder, knowledge_dir=KNOWLEDGE, **settings)
    library = await Library.open(made, load_thesaurus(KNOWLEDGE / "thesaurus.yaml"))
    try:
        await library.sync(KNOWLEDGE)
        built = Bench(rulebook, library, deadline, endpoint)
        await built.prepare()
        yield built
    finally:
        await library.close()


async def left(port: int, wait: float = 2.0) -> dict[str, int]:
    """What is left of all the drafts: tasks beside this one, sockets to the endpoint, streams it still sends."""
    await asyncio.sleep(wait)
    told = control(port)
    return {
        "tasks": len(asyncio.all_tasks()) - 1,
        "sockets": _sockets(),
        "connections at the endpoint": told["connections"],
        "streams at the endpoint": told["in_flight"],
    }


def _sockets() -> int:
    return held(os.getpid())["sockets"]


Told = Callable[[Variant | None, bool, Tally], None]


async def model_faults(
    served: Served, folder: Path, variants: list[Variant], repeats: int, deadline: float, told: Told
) -> dict[str, dict[str, int]]:
    """All variants, plain and streamed; ``told`` hears of each. What was there before and is left after."""
    port = served.port
    async with bench(folder, deadline, served.pid) as built:
        await built.sound(port, False, AT_ONCE)  # the first question imports the SDK
        for stream in (False, True):
            told(None, stream, await built.sound(port, stream))
        before = await left(port, 0.0)
        for variant, stream in itertools.product(variants, (False, True)):
            told(variant, stream, await built.variant(variant, port, stream, repeats))
        control(port, latency_ms=0)
        return {"before": before, "after": await left(port)}
