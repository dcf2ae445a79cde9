"""The drafter as a link of anybody's LangChain chain."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda

from service.assembly import assemble
from service.chain import runnable
from service.drafting import Drafter
from service.errors import InvalidRequest, Unavailable
from service.schemas import Draft, Event, Inquiry
from service.settings import HOME, Settings
from tests.desk import EmptyLibrary, inquiry, shipped
from tests.fake_desk import ASKED, FakeDesk, FakeDrafter

POT = inquiry(
    "锅用着挺好，就是家里人多嫌小了，全款退我", order={"received": True, "days_since_received": 120, "used": True}
)


def test_invoked_it_gives_the_draft_for_an_inquiry_or_a_dict() -> None:
    link = runnable(Drafter(shipped(), EmptyLibrary()))
    made = link.invoke(POT)
    assert isinstance(made, Draft)
    assert made.verdict == "unreasonable"
    again = link.invoke(POT.model_dump(mode="json"))
    assert (again.reply, again.id != made.id) == (made.reply, True)


async def test_awaited_it_gives_the_same() -> None:
    link = runnable(Drafter(shipped(), EmptyLibrary()))
    made = await link.ainvoke(POT)
    assert made.reply == (await asyncio.to_thread(link.invoke, POT)).reply


async def test_streamed_it_gives_the_events() -> None:
    link = runnable(FakeDrafter())
    found = [event async for event in link.astream(ASKED)]
    assert [event.type for event in found] == ["draft.created", "draft.step", "draft.completed"]
    assert found[-1].draft is not None
    plain = await asyncio.to_thread(lambda: list(link.stream(ASKED)))
    assert plain == found


def test_many_at_once_keep_their_order() -> None:
    link = runnable(FakeDrafter(pause=0.01))
    shops = [f"shop{n}" for n in range(8)]
    made = link.batch([ASKED | {"shop": shop} for shop in shops])
    assert [draft.shop for draft in made] == shops


def test_from_many_threads_there_is_one_loop() -> None:
    loops: set[int] = set()

    class Seeing(FakeDrafter):
        async def draft(self, inquiry: Inquiry) -> AsyncIterator[Event]:
            loops.add(id(asyncio.get_running_loop()))
            async for event in super().draft(inquiry):
                yield event

    link = runnable(Seeing())
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda _: link.invoke(ASKED), range(40)))
    assert (len(made), len(loops)) == (40, 1)


async def test_in_a_chain_the_next_link_gets_the_draft_streamed_or_not() -> None:
    chain = RunnableLambda(lambda text: ASKED | {"messages": [{"role": "customer", "content": text}]}) | runnable(
        FakeDrafter()
    )
    chain = chain | RunnableLambda(lambda draft: draft.reply)
    assert await chain.ainvoke("在吗") == "收到，这就给您看。"
    assert [piece async for piece in chain.astream("在吗")] == ["收到，这就给您看。"]
    assert await asyncio.to_thread(lambda: list(chain.stream("在吗"))) == ["收到，这就给您看。"]


async def test_callbacks_see_the_run() -> None:
    class Watching(BaseCallbackHandler):
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def on_chain_start(self, *_: Any, **rest: Any) -> None:
            self.seen.append(rest["name"])

        def on_chain_end(self, outputs: Any, **_: Any) -> None:
            self.seen.append(type(outputs).__name__)

    watching = Watching()
    link = runnable(FakeDrafter())
    await link.ainvoke(ASKED, {"callbacks": [watching]})
    _ = [event async for event in link.astream(ASKED, {"callbacks": [watching]})]
    assert watching.seen == ["youli", "Draft", "youli", "Event"]


async def test_who_stops_reading_stops_the_drafter() -> None:
    drafter = FakeDrafter()
    stream = runnable(drafter).astream(ASKED)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert drafter.closed
    other = FakeDrafter()
    plain = runnable(other).stream(ASKED)
    await asyncio.to_thread(next, plain)
    await asyncio.to_thread(plain.close)  # type: ignore[attr-defined]
    assert other.closed


async def test_who_stops_waiting_stops_the_drafter() -> None:
    drafter = FakeDrafter(pause=3600)
    waiting = asyncio.ensure_future(runnable(drafter).ainvoke(ASKED))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert drafter.closed


def test_what_goes_wrong_is_raised() -> None:
    with pytest.raises(InvalidRequest) as caught:
        runnable(FakeDrafter()).invoke({"messages": [], "color": 1})
    assert [error["pointer"] for error in caught.value.errors] == ["/color"]
    for drafter in (FakeDrafter(before=Unavailable("db_busy")), FakeDrafter(after=Unavailable("db_busy"))):
        with pytest.raises(Unavailable):
            runnable(drafter).invoke(ASKED)

    class Failing(FakeDrafter):
        async def draft(self, inquiry: Inquiry) -> AsyncIterator[Event]:
            yield Event(type="draft.failed", data={"code": "disk_full", "status": 503})

    with pytest.raises(Exception) as told:
        runnable(Failing()).invoke(ASKED)
    assert (getattr(told.value, "code", ""), getattr(told.value, "status", 0)) == ("disk_full", 503)


async def test_in_the_drafters_own_loop_waiting_would_be_for_ever() -> None:
    link = runnable(FakeDrafter(), loop=asyncio.get_running_loop())
    with pytest.raises(RuntimeError, match="ainvoke"):
        link.invoke(ASKED)
    assert (await asyncio.to_thread(link.invoke, ASKED)).id == "dft_01fake"


async def test_what_the_readmes_show_works() -> None:
    """With a desk that is not assembled: that takes long, and has tests of its own."""
    shown = {
        code
        for name in ("README.md", "README.zh-CN.md")
        for code in re.findall(r"```python\n(from service.*?)```", (HOME / name).read_text("utf-8"), re.DOTALL)
    }
    assert len(shown) == 1
    names: dict[str, Any] = {}
    exec(compile(shown.pop(), "README", "exec"), names)
    assert names["assemble"] is assemble

    @asynccontextmanager
    async def assembled(settings: Settings, *, owner: bool) -> AsyncIterator[FakeDesk]:
        yield FakeDesk()

    names["assemble"] = assembled
    assert isinstance(await names["answer"]("杯子收到就裂了，给我换一个"), Draft)


def test_its_loop_ends_with_it() -> None:
    gc.collect()
    before = _threads()
    link = runnable(FakeDrafter())
    link.invoke(ASKED)
    assert len(_threads() - before) == 1
    del link
    gc.collect()
    assert _threads() <= before


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "youli-runnable"}
