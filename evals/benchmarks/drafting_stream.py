"""Streams: our client beside the SDK's own loop, and when the first step leaves."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

from evals.benchmarks.endpoint import CHUNKS
from evals.benchmarks.inquiries import bodies, encoded
from evals.benchmarks.load import load, post
from evals.benchmarks.processes import control
from evals.benchmarks.texts import sentences

STEPS = ("empathy", "rule", "alternative", "firmness", "closing")
DEADLINE_S = 20.0
A_ROUND = 40


def _prompt() -> tuple[str, str]:
    """A prompt the endpoint answers with five steps of the usual length."""
    said = sorted(sentences(), key=len)[-len(STEPS) :]
    plan = [f"{number}. {step}：" for number, step in enumerate(STEPS, 1)]
    return "", "\n".join([*plan, *(f"- {step}：{text}" for step, text in zip(STEPS, said, strict=True))])


def _schema() -> dict[str, Any]:
    text = {"type": "string"}
    number = {"type": "array", "items": {"type": "integer"}}
    item = {"type": "object", "additionalProperties": False, "required": ["step", "text", "passages"]}
    item["properties"] = {"step": text, "text": text, "passages": number}
    whole = {"type": "object", "additionalProperties": False, "required": ["steps"]}
    return whole | {"properties": {"steps": {"type": "array", "items": item}}}


async def in_process(port: int, rounds: int) -> dict[str, Any]:
    """Processor time of a stream of 75 chunks that come at once: ``ModelClient.stream`` and the SDK's own loop.

    Also our client's plain answer to the same question. The same process, in turns.
    """
    from openai import AsyncOpenAI

    from service.llm import ModelClient

    url, (system, user), schema = f"http://127.0.0.1:{port}/v1", _prompt(), _schema()
    sdk = AsyncOpenAI(base_url=url, api_key="sk-of-no-use")
    ours: Any = ModelClient("fake-1", "sk-of-no-use", url)
    if not hasattr(ours, "stream"):
        return {}
    form: Any = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    messages: Any = [{"role": "system", "content": system}, {"role": "user", "content": user}]

    async def loop() -> None:
        pieces = []
        stream = await sdk.chat.completions.create(model="fake-1", messages=messages, response_format=form, stream=True)
        async for piece in stream:
            if piece.choices:
                pieces.append(piece.choices[0].delta.content or "")
        assert len(pieces) > CHUNKS

    async def client() -> None:
        async for _ in ours.stream(system, user, schema, DEADLINE_S):
            pass

    async def plain() -> None:
        await ours.ask(system, user, schema, DEADLINE_S)

    control(port, latency_ms=0)
    ways = {"sdk": loop, "ours": client, "ours, plain": plain}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            begun = time.process_time()
            for _ in range(A_ROUND):
                await way()
            if number:
                spent[name].append(1000 * (time.process_time() - begun) / A_ROUND)
    await sdk.close()
    await ours.close()
    ratios = [mine / theirs for mine, theirs in zip(spent["ours"], spent["sdk"], strict=True)]
    told = {f"{name} ms": round(statistics.median(values), 3) for name, values in spent.items()}
    return told | {"ratio": round(statistics.median(ratios), 3)}


def first_step(endpoint: int, port: int, count: int = 12, spread_ms: float = 1500.0) -> dict[str, Any]:
    """How long before the model's last token the first step is with the reader, over HTTP.

    The least of ``count`` streams, the median, and the share of the model's time that had passed by then.
    """
    before = []
    for body in encoded(bodies(count, 7_001, stream=True)):
        control(endpoint, latency_ms=100, spread_ms=spread_ms)
        run = asyncio.run(load(port, [post(port, "/v1/drafts", body)], 1, count=1))
        last = control(endpoint)["last_tokens"]
        answer = run.good[0]
        if answer.first_step is None or not last:
            return {"missing": "no step in the stream, or no stream asked of the model"}
        before.append(1000 * (last[-1] - answer.first_step))
    return {
        "before_ms": round(min(before), 1),
        "median_ms": round(statistics.median(before), 1),
        "model_ms": spread_ms,
        "streams": count,
    }
