"""``youli analytics``: what drafts and the feedback on them tell, as tables."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from service.commands.tables import table
from service.commands.words import faint, lines, printable, strong, word
from service.errors import UsageError
from service.settings import read_settings

if TYPE_CHECKING:
    from service.schemas.analytics import Analytics, Group, GroupBy, Rate

_AGO = re.compile(r"([1-9]\d{0,4})([dh])")


def run_analytics(since: str, by: Sequence[str], shop: str | None, as_csv: bool, as_json: bool) -> int:
    """Show the sums of a window; returns the exit code.

    Raises:
        UsageError: a time or a group nobody knows.
        YouliError: the data folder, the rulebook or the database is not usable.
    """
    begin = since_of(since)
    from service.insight.analytics import EVERY

    wanted = tuple(name for name in EVERY if name in by)
    if strange := [name for name in by if name not in EVERY]:
        raise _wrong("bad_by", text=strange[0][:40], known="、".join(EVERY))
    found = asyncio.run(_count(begin, wanted, shop, everything=as_csv or as_json))
    if as_csv:
        from service.insight.sheet import as_csv as sheet

        sys.stdout.write(sheet(found))
    elif as_json:
        print(found.model_dump_json(indent=2))
    else:
        print("\n".join(analytics_lines(found)))
    return 0


def since_of(text: str) -> datetime:
    """The time ``7d``, ``12h`` or a date stands for.

    Raises:
        UsageError: it stands for none.
    """
    if match := _AGO.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{{"d": "days", "h": "hours"}[match[2]]: int(match[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _wrong("bad_since", text=text[:40]) from None
    return at.astimezone(UTC)


def _wrong(name: str, **parameters: str) -> UsageError:
    return UsageError(reason=word("analytics", name, **parameters))


async def _count(since: datetime, by: tuple[GroupBy, ...], shop: str | None, *, everything: bool) -> Analytics:
    from service.database.analytics import AnalyticsStore, Window
    from service.database.session import Database
    from service.insight.analytics import EVERY, Counting
    from service.insight.scales import scales
    from service.insight.words import Names
    from service.rulebook.book import load_rulebook

    settings = read_settings()
    book = load_rulebook(settings.knowledge_dir, settings.data_dir / "learned")
    database = await Database.open(settings.database)
    try:
        counting = Counting(AnalyticsStore(database), Names(book), scales(settings.knowledge_dir))
        usual: tuple[GroupBy, ...] = EVERY if everything else ("scenario", "knowledge")
        return await counting.of(Window(shop, since, datetime.now(UTC)), by or usual)
    finally:
        await database.close()


def analytics_lines(found: Analytics) -> list[str]:
    """The answer for a terminal."""
    shop = found.shop or word("analytics", "all_shops")
    told = [strong(word("analytics", "window", since=_day(found.since), until=_day(found.until), shop=shop))]
    if not found.total.drafts:
        return [*told, word("analytics", "nothing")]
    whole = found.total
    share = "" if whole.told is None else f"，{_percent(whole.told)}"
    counts = {"drafts": whole.drafts, "superseded": whole.superseded, "feedback": whole.feedback}
    told.append(word("analytics", "total", told=share, **counts))
    told.append(_rates(whole, found.small))
    if found.waited_s["median"] is not None:
        told.append(word("analytics", "waited", **found.waited_s))
    before = found.before
    rates = _rates(before, found.small)
    told.append(faint(word("analytics", "before", drafts=before.drafts, feedback=before.feedback, rates=rates)))
    for kind, groups in found.by.items():
        told += ["", strong(word("analytics", "by", kind=_kind(kind)))]
        told += table(lines("analytics", "columns"), [_row(one) for one in groups])
    return [*told, *_steps(found), *_causes(found), *_unanswered(found), "", *_last(found)]


def _steps(found: Analytics) -> list[str]:
    if not found.steps:
        return []
    rows = [[one.name, one.kept, one.changed, one.dropped] for one in found.steps]
    added = [word("analytics", "added", n=found.sentences_added)] if found.sentences_added else []
    return ["", strong(word("analytics", "steps")), *table(lines("analytics", "step_columns"), rows), *added]


def _causes(found: Analytics) -> list[str]:
    rows = [
        [
            *(one.category or "—", one.product or "—", one.demand_name, one.cause_name),
            *(one.drafts, one.unreasonable, one.overdue, one.threats, one.before),
        ]
        for one in found.causes
    ]
    return ["", strong(word("analytics", "causes")), *table(lines("analytics", "cause_columns"), rows)]


def _unanswered(found: Analytics) -> list[str]:
    gaps = found.unanswered
    counts = gaps.model_dump(include={"drafts", "unguided", "uncovered", "fallback"})
    told = ["", strong(word("analytics", "unanswered", **counts))]
    if gaps.asked_facts:
        facts = [word("analytics", "counted", name=one.name, times=one.times) for one in gaps.asked_facts[:8]]
        told.append(word("analytics", "asked", facts="，".join(facts)))
    for one in gaps.questions:
        ids = " ".join(one.drafts[:2])
        told.append("  " + word("analytics", "question", times=one.times, excerpt=printable(one.excerpt), drafts=ids))
    return told


def _last(found: Analytics) -> list[str]:
    told = []
    if found.overridden:
        rules = [word("analytics", "counted", name=one.name, times=one.times) for one in found.overridden[:12]]
        told.append(word("analytics", "overridden", rules="，".join(rules)))
    told.append(word("analytics", "turned", **found.turned.model_dump()))
    if found.kept_since is not None:
        told.append(faint(word("analytics", "kept", day=_day(found.kept_since))))
    return told


def _rates(group: Group, small: int) -> str:
    if group.adopted is None or group.edited is None or group.rejected is None:
        return word("analytics", "few", small=small)
    shares = {"adopted": _rate(group.adopted), "edited": _rate(group.edited), "rejected": _rate(group.rejected)}
    ratio = "" if group.edit_ratio is None else word("analytics", "ratio", ratio=f"{group.edit_ratio:.0%}")
    return word("analytics", "rates", **shares) + ratio


def _rate(rate: Rate) -> str:
    return word("analytics", "rate", value=f"{rate.value:.0%}", low=f"{rate.low:.0%}", high=f"{rate.high:.0%}")


def _percent(rate: Rate | None) -> str:
    return "—" if rate is None else f"{rate.value:.0%}"


def _row(one: Group) -> list[object]:
    return [one.name, one.drafts, one.feedback, *(_percent(rate) for rate in (one.adopted, one.edited, one.rejected))]


def _kind(kind: str) -> str:
    from service.insight.words import word as named

    return named("by", kind)


def _day(at: datetime) -> str:
    from service.database.traits import day_of

    return day_of(at)
