"""A real server that asks for keys, two shops and their keys: what benchmarks of who sees what begin with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evals.benchmarks.load import Answer, Line
from evals.benchmarks.processes import Served, served
from service.access.keys import Keys
from service.database.session import Database
from service.schemas.keys import KeyIn
from service.settings import Settings

SHOPS = ("default", "demo")
"""Two shops that have files in ``knowledge/shops``."""


@dataclass(frozen=True)
class Keyed:
    """A running server, and keys by shop; ``bad`` are an expired and a revoked one."""

    server: Served
    folder: Path
    keys: dict[str, str]
    bad: dict[str, str]

    def request(self, method: str, path: str, key: str | None, value: Any = None, form: bytes | None = None) -> bytes:
        """A request, ready to be sent.

        Args:
            method: of HTTP.
            path: with its query.
            key: the bearer; no header without one.
            value: a JSON body.
            form: a form's body, in the place of ``value``; see :func:`upload`.
        """
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.server.port}"]
        if key is not None:
            lines.append(f"Authorization: Bearer {key}")
        body = form if form is not None else b"" if value is None else json.dumps(value, ensure_ascii=False).encode()
        if body:
            media = f"multipart/form-data; boundary={_BOUNDARY}" if form is not None else "application/json"
            lines += [f"Content-Type: {media}", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def ask(self, *parts: Any, **more: Any) -> Answer:
        """One request on a connection of its own."""
        line = await Line.open(self.server.port)
        try:
            return await line.ask(self.request(*parts, **more))
        finally:
            line.close()


_BOUNDARY = "youli-benchmark"


def upload(name: str, text: str, **fields: str) -> bytes:
    """The body of a form with a file."""
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}' for key, value in fields.items()]
    parts.append(f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n{text}')
    return "".join(f"--{_BOUNDARY}\r\n{part}\r\n" for part in parts).encode() + f"--{_BOUNDARY}--\r\n".encode()


@contextmanager
def keyed(folder: Path) -> Iterator[Keyed]:
    """A server over an empty data folder, until the block ends; keys last a day and may ask as often as they like."""
    folder.mkdir(parents=True, exist_ok=True)
    keys, bad = asyncio.run(_made(Settings(data_dir=folder)))
    environment = {
        "YOULI_DATA_DIR": str(folder),
        "YOULI_RATE_PER_MINUTE": "1000000",
        "YOULI_MAX_DRAFTS": "10000",
    }
    with served("youli", ["service.cli", "serve", "--port", "0"], folder, None, **environment) as running:
        running.settle()
        yield Keyed(running, folder, keys, bad)


async def _made(settings: Settings) -> tuple[dict[str, str], dict[str, str]]:
    database = await Database.open(settings.database)
    try:
        keys = Keys(database)

        async def one(shop: str, **more: Any) -> Any:
            wanted = {"name": "benchmark", "role": "admin", "shop": shop, "rate_per_minute": 1_000_000} | more
            return await keys.create(KeyIn.model_validate(wanted))

        made = {shop: (await one(shop)).key for shop in (*SHOPS, "*")}
        soon = await one(SHOPS[0], expires_at=datetime.now(UTC) + timedelta(seconds=1))
        gone = await one(SHOPS[0])
        await keys.revoke(gone.id)
        return made, {"expired": soon.key, "revoked": gone.key}
    finally:
        await database.close()


def spread(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and the tenth percentile, which other work on the machine hardly moves, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2] * 1000, ordered[len(ordered) // 10] * 1000
