"""An application with keys asked for, over the shipped documents: two shops beside the default one, and their keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from starlette.testclient import TestClient

from service.access.keys import Keys
from service.app import create_app
from service.database.session import Database
from service.schemas.keys import KeyIn, KeyMade
from service.settings import Settings

A, B = "default", "demo"
"""Two shops that have files in ``knowledge/shops``."""


@dataclass
class Guarded:
    """The application, its client, and keys by what they were asked for."""

    app: FastAPI
    client: TestClient
    keys: dict[tuple[Any, ...], KeyMade] = field(default_factory=dict)

    def run(self, work: Any) -> Any:
        """Await something in the application's own loop."""
        portal = self.client.portal
        assert portal is not None
        return portal.call(lambda: work)

    def key(self, role: str = "agent", shop: str = A, **more: Any) -> KeyMade:
        """A key, made once."""
        name = (role, shop, *sorted(more.items()))
        if name not in self.keys:
            wanted = KeyIn.model_validate({"name": f"{role} {shop}", "role": role, "shop": shop, **more})

            async def made() -> KeyMade:
                return await Keys(cast(Any, self.app.state.desk).library.database).create(wanted)

            assert self.client.portal is not None
            self.keys[name] = self.client.portal.call(made)
        return self.keys[name]

    def ask(self, method: str, path: str, role: str = "agent", shop: str = A, **more: Any) -> Any:
        """A request with a key."""
        headers = {"Authorization": f"Bearer {self.key(role, shop).key}", **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)


@contextmanager
def guarded(data: Path, **more: Any) -> Iterator[Guarded]:
    """The application over a data folder."""
    app = create_app(Settings(auth="on", data_dir=data, **more))
    with TestClient(app) as client:
        yield Guarded(app, client)


def with_keys(database_url: str, work: Any) -> Any:
    """Run ``work(keys)`` on a database of its own loop, as the command line does."""

    async def whole() -> Any:
        database = await Database.open(database_url)
        try:
            return await work(Keys(database))
        finally:
            await database.close()

    return asyncio.run(whole())
