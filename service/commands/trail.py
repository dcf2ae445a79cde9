"""``youli audit``: the trail listed, verified, exported, and its head to be noted elsewhere."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from service.commands.database import with_database
from service.commands.inputs import usage
from service.commands.words import faint, name_of, printable, word

if TYPE_CHECKING:
    from service.database.session import Database
    from service.database.trail import Told, TrailPage
    from service.database.verifying import Verified
    from service.settings import Settings


@dataclass(frozen=True)
class Filters:
    """Which entries a command is about; None means any. Times without a zone are UTC."""

    shop: str | None = None
    actor: str | None = None
    action: str | None = None
    object: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def wanted(self) -> Any:
        """As the database is asked."""
        from service.database.trail import Wanted

        since, until = _aware(self.since), _aware(self.until)
        return Wanted(self.shop, self.actor, self.action, self.object, since, until)


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def run_list(filters: Filters, limit: int, before: int | None, as_json: bool) -> int:
    """Show entries, newest first."""

    async def work(database: Database, _: Settings) -> TrailPage:
        from service.database.trail import list_trail

        return await list_trail(database, filters.wanted(), limit, before)

    page = with_database(work)
    if as_json:
        told = {"entries": [_plain(one) for one in page.entries], "next": page.next}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    for one in page.entries:
        at = one.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        details = " ".join(f"{name}={value}" for name, value in one.details.items() if value not in (None, False))
        print(printable(f"{one.seq:>7} {at} {name_of('audit_action', one.action)} {one.object}"))
        print(faint(printable(f"        {one.actor}（{one.role}） {one.shop} {details}")))
    if page.next is not None:
        print(word("audit", "more", seq=page.next))
    return 0


def run_head(as_json: bool) -> int:
    """Print where the chain ends, to be noted where who writes the database cannot write."""

    async def work(database: Database, _: Settings) -> str:
        from service.database.verifying import head_of

        return await head_of(database)

    head = with_database(work)
    print(json.dumps({"head": head}) if as_json else head)
    return 0


def run_verify(noted: str | None, as_json: bool) -> int:
    """Follow the whole chain; exit code 1 when anything does not hold.

    Args:
        noted: a head that was printed before.
        as_json: for programs.
    """

    async def work(database: Database, _: Settings) -> Verified:
        from service.database.verifying import verify

        return await verify(database, noted)

    found = with_database(work)
    sound = found.sound and found.guarded
    if as_json:
        told = {"sound": sound, **asdict(found)}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return 0 if sound else 1
    for problem in found.problems:
        print(word("audit_problems", problem.what, seq=problem.seq))
    if not found.guarded:
        print(word("audit", "unguarded"))
    name = "sound" if found.sound else "broken"
    print(word("audit", name, rows=found.rows, first=found.first, last=found.last, head=found.head))
    return 0 if sound else 1


def run_export(filters: Filters, form: Literal["jsonl", "csv"], out: str | None) -> int:
    """Write the entries that are wanted, oldest first, and tell the trail that it was done.

    Raises:
        UsageError: the file cannot be written.
    """

    async def work(database: Database, _: Settings) -> int:
        from service.database.entries import Entry
        from service.database.trail import each_entry

        count = 0
        with _opened(out) as file:
            write = _csv(file) if form == "csv" else _jsonl(file)
            async for one in each_entry(database, filters.wanted()):
                write(one)
                count += 1
        told = Entry("audit.exported", form, filters.shop or "*", {"rows": count})
        await database.note([told])
        return count

    count = with_database(work)
    if out is not None:
        print(word("audit", "exported", rows=count, file=out))
    return 0


@contextmanager
def _opened(out: str | None) -> Iterator[IO[str]]:
    if out is None:
        yield sys.stdout
        return
    try:
        with Path(out).open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise usage("file_unwritable", path=out, reason=error.strerror or type(error).__name__) from None


def _jsonl(file: IO[str]) -> Any:
    return lambda one: file.write(json.dumps(_plain(one), ensure_ascii=False) + "\n")


def _csv(file: IO[str]) -> Any:
    from evals.report.inert import cell

    rows = csv.writer(file)
    rows.writerow(("seq", "at", "actor", "role", "shop", "request", "action", "object", "details", "prev", "hash"))

    def write(one: Told) -> None:
        plain = _plain(one)
        plain["details"] = json.dumps(plain["details"], sort_keys=True)
        rows.writerow([cell(value) for value in plain.values()])

    return write


def _plain(one: Told) -> dict[str, Any]:
    return {**asdict(one), "at": one.at.isoformat()}
