"""What somebody does to a database who owns it: the triggers that guard the trail are his too."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from tests.engines import on_engines, url_of

TABLES = ("audit", "audit_head")


def forge(path: Path, *statements: str, leave: bool = True) -> None:
    """Run statements with the guards away; ``leave``: they are back in their place when he leaves."""
    if on_engines():
        with ThreadPoolExecutor(1) as beside:  # whoever asks may be inside a running loop
            beside.submit(lambda: asyncio.run(_on_server(url_of(path), statements, leave))).result()
    else:
        _in_file(path, statements, leave)


def _in_file(path: Path, statements: tuple[str, ...], leave: bool) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        found = other.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in found:
            other.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            other.execute(statement)
        for _, sql in found if leave else ():
            other.execute(sql)


async def _on_server(url: str, statements: tuple[str, ...], leave: bool) -> None:
    import asyncpg  # type: ignore[import-untyped]

    other = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        async with other.transaction():
            for table in TABLES:
                await other.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for statement in statements:
                await other.execute(statement)
            for table in TABLES if leave else ():
                await other.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    finally:
        await other.close()
