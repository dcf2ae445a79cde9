"""How a draft was read and judged, and what a replay changed, as lines for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from service.commands.words import name_of, printable, strong, word

if TYPE_CHECKING:
    from service.replaying import Replay

_MARKS = {True: "holds", False: "fails", None: "unknown"}


def explain_lines(explained: Mapping[str, Any]) -> list[str]:
    """What was heard from which words, what every fact is worth and why, and how each row came out.

    Args:
        explained: ``Draft.explain``.
    """
    shown = [strong(word("explain", "heard"))]
    shown += [_heard(one) for one in explained["heard"]] or [word("explain", "nothing_heard")]
    shown += ["", strong(word("explain", "facts"))]
    shown += [_fact(name, fact) for name, fact in explained["facts"].items()]
    for ruling in explained["rulings"]:
        shown += ["", strong(word("explain", "ruling", demand=ruling["demand"], boundary=ruling["boundary"]))]
        shown += _rows(ruling["rows"])
    return [printable(line) for line in shown]


def _heard(one: Mapping[str, Any]) -> str:
    who = name_of("speaker", one["speaker"]) + (f" {one['key']}" if one["key"] else "")
    like = word("explain", "like", example=one["like"]) if one["like"] else ""
    value = _value(one["value"])
    return word("explain", "heard_line", quote=one["quote"], who=who, fact=one["fact"], value=value, like=like)


def _fact(name: str, fact: Mapping[str, Any]) -> str:
    if fact["unknown"]:
        return word("explain", "fact_unknown", name=name)
    source = name_of("fact_source", fact["source"])
    disputed = word("explain", "disputed") if fact["disputed"] else ""
    return word("explain", "fact_line", name=name, value=_value(fact["value"]), source=source, disputed=disputed)


def _rows(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    """Rows that hold, are unknown, or fail by one condition only; how many others there were."""
    near = [row for row in rows if row["holds"] is not False or _failing(row) == 1]
    for row in near:
        yield word("explain", "row", mark=word("explain", _MARKS[row["holds"]]), **_names(row))
        for condition in row["conditions"]:
            mark = word("explain", _MARKS[condition["holds"]])
            yield word("explain", "condition", mark=mark, condition=condition["condition"])
    if len(rows) > len(near):
        yield word("explain", "far", count=len(rows) - len(near))


def _failing(row: Mapping[str, Any]) -> int:
    return sum(condition["holds"] is False for condition in row["conditions"])


def _names(row: Mapping[str, Any]) -> dict[str, str]:
    return {"boundary": row["boundary"], "chapter": row["chapter"]}


def _value(value: object) -> str:
    if isinstance(value, bool):
        return word("explain", "yes" if value else "no")
    return f"{value:g}" if isinstance(value, float) else str(value)


def replay_lines(replay: Replay) -> list[str]:
    """What differs between the stored draft, its own rulebook run again, and today's."""
    shown = [
        word("replay", "head", id=replay.stored.id, version=replay.stored.knowledge_version),
        word("replay", "today", version=replay.today.knowledge_version),
    ]
    if replay.recorded is None:
        shown.append(word("replay", "no_record"))
    changes = replay.changes()
    if not changes:
        return [*shown, word("replay", "same")]
    for change in changes:
        shown += ["", strong(name_of("replay", change.name))]
        shown.append(word("replay", "was", text=change.stored or word("replay", "none")))
        if replay.recorded is not None and change.recorded != change.stored:
            shown.append(word("replay", "recorded", text=change.recorded or word("replay", "none")))
        shown.append(word("replay", "now", text=change.today or word("replay", "none")))
    return [printable(line) for line in shown]
