"""Settings and databases of a process while the whole suite runs on engines; nothing here needs pytest.

Every data folder has a database of its own, named after the folder, made when it is first opened.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

SHARED = "TEST_ENGINES"
"""Ports of the engines, as JSON: set for a whole run, read by its workers and by the processes that tests start."""
TEMPLATE = "youli_template"
START_S = 60.0


def told() -> dict[str, int]:
    """The engines' ports."""
    ports: dict[str, int] = json.loads(os.environ[SHARED])
    return ports


def url(port: int, name: str) -> str:
    """What ``YOULI_DATABASE_URL`` says of a database."""
    return f"postgresql+asyncpg://desk@127.0.0.1:{port}/{name}"


def database_of(folder: Path) -> str:
    """The database that belongs to a data folder."""
    return "d" + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:20]


async def admin(port: int) -> Any:
    """A connection that may make databases."""
    import asyncpg  # type: ignore[import-untyped]

    loop = asyncio.get_running_loop()
    until = loop.time() + START_S
    while True:
        try:
            return await asyncpg.connect(host="127.0.0.1", port=port, user="desk", database="postgres")
        except (OSError, asyncpg.CannotConnectNowError):
            if loop.time() > until:
                raise
            await asyncio.sleep(0.05)


async def make(port: int, name: str, template: str = TEMPLATE, anew: bool = False) -> None:
    """Make a database unless it is there; with ``anew`` in place of the one that is."""
    import asyncpg

    connection = await admin(port)
    try:
        if anew:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        elif await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            return
        for _ in range(200):
            try:
                await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
                break
            except asyncpg.ObjectInUseError:  # the template is being copied, or was only just closed
                await asyncio.sleep(0.05)
            except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                return
        else:
            raise AssertionError(f"{template} is never free")
    finally:
        await connection.close()
    if template != "template0":
        await rename(port, name)


async def rename(port: int, name: str) -> None:
    """A copy is an installation of its own: it shares nothing in Chroma's server with what it was copied from."""
    import asyncpg

    connection = await asyncpg.connect(host="127.0.0.1", port=port, user="desk", database=name)
    try:
        await connection.execute("DELETE FROM installation")
    finally:
        await connection.close()


def patch_settings(module: ModuleType) -> None:
    """Have ``Settings`` name the engines wherever it is not told otherwise."""
    settings: Any = module.__dict__["Settings"]
    begin: Callable[..., None] = settings.__init__

    def init(self: Any, **given: Any) -> None:
        begin(self, **given)
        ports = told()
        wanted = {
            "database_url": url(ports["postgres"], database_of(self.data_dir)),
            "chroma_url": f"http://127.0.0.1:{ports['chroma']}",
            "redis_url": f"redis://127.0.0.1:{ports['redis']}/0",
        }
        for name in wanted.keys() - self.model_fields_set:
            self.__dict__[name] = wanted[name]
            self.__pydantic_fields_set__.add(name)

    settings.__init__ = init


def patch_session(module: ModuleType) -> None:
    """Have every data folder's database come into being when it is first opened."""
    database: Any = module.__dict__["Database"]
    plain = database.open.__func__

    async def opened(cls: Any, where: str) -> Any:
        port = told()["postgres"]
        if where.startswith(url(port, "d")):
            await make(port, where.rpartition("/")[2])
        return await plain(cls, where)

    database.open = classmethod(opened)


PATCHES = {"service.settings": patch_settings, "service.database.session": patch_session}


class After(importlib.abc.MetaPathFinder):
    """Patches modules right after they have come in, so that a command that needs none stays as quick as it is."""

    def __init__(self) -> None:
        self._busy = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's own spec, with the patch behind its loading."""
        if name not in PATCHES or self._busy:
            return None
        self._busy = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._busy = False
        assert spec is not None and spec.loader is not None
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            PATCHES[name](module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Patch what is there, and what comes."""
    for name, patch in PATCHES.items():
        if name in sys.modules:
            patch(sys.modules[name])
    sys.meta_path.insert(0, After())
