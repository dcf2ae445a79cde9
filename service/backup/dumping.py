"""A PostgreSQL database as one file: ``pg_dump`` of the very moment its rows were counted at."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from service.backup.copying import Copied
from service.database.looking import beside, migrated, seen_at_once
from service.errors import EnvironmentProblem

PROGRAM = "pg_dump"
_FULL = os.strerror(errno.ENOSPC)
Told = subprocess.CompletedProcess[str]


def dump(url: str, target: Path) -> tuple[Copied, bool]:
    """Count a database's rows and have ``pg_dump`` write that same moment to ``target``; nothing is migrated.

    Returns:
        What was counted, and whether there is a dump: not where ``pg_dump`` is not installed.

    Raises:
        EnvironmentProblem: ``database_missing``; ``database_refused``; ``dump_failed``, with the first line it said.
        Unavailable: ``database_away``.
        OSError: the disk is full.
    """

    async def work() -> tuple[Copied, Told | None]:
        async with seen_at_once(url) as connection:
            seen = await _counted(connection, url)
            moment = str((await connection.execute(text("SELECT pg_export_snapshot()"))).scalar_one())
            return seen, await asyncio.to_thread(_run, url, target, moment)

    seen, told = beside(work)
    if told is None:
        return seen, False
    if told.returncode:
        if _FULL in told.stderr:
            raise OSError(errno.ENOSPC, _FULL)
        said = (told.stderr.strip().splitlines() or [PROGRAM])[0]
        raise EnvironmentProblem("dump_failed", reason=said[:300])
    return seen, True


async def _counted(connection: AsyncConnection, url: str) -> Copied:
    migration = await migrated(connection)
    if migration is None:
        raise EnvironmentProblem("database_missing", path=url.rpartition("@")[2])
    names = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
    tables = [row[0] for row in await connection.execute(text(names))]
    counts = {
        name: int((await connection.execute(text(f'SELECT count(*) FROM "{name}"'))).scalar_one()) for name in tables
    }
    moved = (await connection.execute(text("SELECT generation, digest FROM pointer"))).first()
    return Copied(migration, counts, f"{moved[0]}:{moved[1]}" if moved else None)


def dump_command(url: str, target: Path) -> tuple[list[str], dict[str, str]]:
    """``pg_dump`` for a database, and what it must find in its environment (the password)."""
    parsed = make_url(url)
    command = [PROGRAM, "--format=custom", f"--file={target}", f"--dbname={plain(parsed)}"]
    return command, {"PGPASSWORD": parsed.password} if parsed.password else {}


def plain(url: URL) -> str:
    """The address as PostgreSQL's own programs take it: without the password, and without words of our driver's."""
    query = dict(url.query)
    query.pop("pooler", None)
    if "ssl" in query:
        query["sslmode"] = query.pop("ssl")
    shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    return shown.render_as_string()


def _run(url: str, target: Path, moment: str) -> Told | None:
    if shutil.which(PROGRAM) is None:
        return None
    command, environment = dump_command(url, target)
    return subprocess.run(
        [*command, f"--snapshot={moment}"],
        env=os.environ | {"LC_ALL": "C"} | environment,  # in words that can be recognised
        capture_output=True,
        text=True,
        errors="replace",
    )
