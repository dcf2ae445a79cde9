"""The database for commands that need nothing else of the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from service.settings import prepare_data_dir, read_settings

if TYPE_CHECKING:
    from service.database.session import Database
    from service.settings import Settings

T = TypeVar("T")


def with_database(work: Callable[[Database, Settings], Awaitable[T]]) -> T:
    """Run ``work`` on the settings' database, migrated if needed.

    Raises:
        EnvironmentProblem: the data folder or the database cannot be used.
        Unavailable: the database is busy or the disk is full.
    """
    from service.database.session import Database

    settings = read_settings()
    prepare_data_dir(settings)

    async def run() -> T:
        database = await Database.open(settings.database)
        try:
            return await work(database, settings)
        finally:
            await database.close()

    return asyncio.run(run())
