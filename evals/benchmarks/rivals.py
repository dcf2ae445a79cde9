"""What is measured beside us: ``python -m evals.benchmarks.rivals bare|chain|unkept``.

``bare``: FastAPI and the openai SDK, one client a process, nothing else: a prompt and an answer. ``chain``: a chain of
LangChain over a Chroma collection as tutorials write it: ``prompt | model | parser``, a retriever in front.
``langchain-openai`` and ``langchain-chroma`` are none of our dependencies: the chat model and the retriever are the
few lines they come down to, over the same SDK and the same collection. ``unkept``: our own server that keeps no drafts.
The prompt is a file, so that all send as many bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from copy import copy
from pathlib import Path
from typing import Any

from pydantic import BaseModel

PASSAGES = 1_000
FOUND = 4
PASSAGE_CHARS = 150


class Turn(BaseModel):
    """A turn as our own door takes it."""

    role: str
    content: str


class Ask(BaseModel):
    """What of an inquiry the bare endpoint reads."""

    messages: list[Turn]
    order: dict[str, Any] = {}


class Said(BaseModel):
    """Its answer."""

    reply: str


def frame() -> tuple[str, str]:
    """The system text and the rest of the prompt, before the buyer's words."""
    told = json.loads(Path(os.environ["BENCH_PROMPT"]).read_text("utf-8"))
    return told["system"], told["user"]


def bare() -> Any:
    """The application of the bare endpoint."""
    from fastapi import FastAPI
    from openai import AsyncOpenAI

    app, client = FastAPI(), AsyncOpenAI()
    system, user = frame()

    @app.post("/v1/drafts")
    async def draft(ask: Ask) -> Said:
        answer = await client.chat.completions.create(
            model="fake-1",
            messages=[
                {"role": "system", "content": system},
                {"role": "user", "content": f"{user}\n{ask.messages[-1].content}"},
            ],
        )
        return Said(reply=answer.choices[0].message.content or "")

    return app


def chain() -> Any:
    """The application around the chain."""
    from fastapi import FastAPI
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnablePassthrough

    from evals.benchmarks.rival_chain import EndpointChat, stocked

    system, user = frame()
    app, retriever = FastAPI(), stocked(PASSAGES, FOUND, PASSAGE_CHARS)
    shorter = system[FOUND * PASSAGE_CHARS :]  # what is retrieved takes the place of as much of the fixed text
    prompt = ChatPromptTemplate.from_messages(
        [("system", "{system}"), ("human", "{frame}\n{context}\n\n{question}")]
    ).partial(system=shorter, frame=user)
    context = retriever | (lambda documents: "\n\n".join(document.page_content for document in documents))
    whole = {"context": context, "question": RunnablePassthrough()} | prompt | EndpointChat() | StrOutputParser()

    @app.post("/v1/drafts")
    async def draft(ask: Ask) -> Said:
        return Said(reply=await whole.ainvoke(ask.messages[-1].content))

    return app


async def serve(app: Any) -> None:
    """Serve on a port of the system's choice, and say which."""
    import uvicorn

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning"))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    await server.serve([listener])


def unkept() -> None:
    """``youli serve`` with a drafter that has no store: everything else is as it is served."""
    from service import assembly
    from service.commands.serving import run_serve

    whole = assembly.assemble

    @contextlib.asynccontextmanager
    async def without_store(*arguments: Any, **named: Any) -> AsyncIterator[assembly.Desk]:
        async with whole(*arguments, **named) as desk:
            drafter = copy(desk.drafter)
            drafter.store = None
            yield dataclasses.replace(desk, drafter=drafter)

    assembly.assemble = without_store
    sys.exit(run_serve("127.0.0.1", 0, verbose=False))


def main() -> None:
    """Serve until killed."""
    which = sys.argv[1]
    if which == "unkept":
        unkept()
    else:
        asyncio.run(serve({"bare": bare, "chain": chain}[which]()))


if __name__ == "__main__":
    main()
