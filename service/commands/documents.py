"""``youli knowledge list``, ``show``, ``history``, ``diff``, ``held`` and the commands that change what is live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel

from service.commands.knowledge import with_library
from service.commands.words import faint, green, name_of, printable, red, strong, word

if TYPE_CHECKING:
    from service.library.history import History
    from service.library.store import Library
    from service.schemas import DiffLine, DocumentInfo, HeldList, VersionDiff, VersionList, VersionWhole

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Change:
    """A change of what is live, as it was typed."""

    action: Literal["publish", "rollback", "retire", "release", "hold"]
    document: str
    version: int | None
    author: str | None
    note: str | None
    seen: int | None
    """The revision the person has looked at."""
    shop: str | None
    n: int = 0


def run_list(wanted: dict[str, Any], shop: str | None, as_json: bool) -> int:
    """List documents."""
    from service.database.history import Wanted

    return _shown(lambda history: history.documents(shop or "default", Wanted(**wanted)), as_json, _list_lines)


def run_show(document: str, version: int | None, shop: str | None, as_json: bool) -> int:
    """Show a version whole; without a number, the live one, else the newest."""

    async def work(history: History) -> VersionWhole:
        found = await history.document(document, shop or "default")
        return await history.version(document, version or found.published or found.newest, shop or "default")

    return _shown(work, as_json, _version_lines)


def run_history(document: str, shop: str | None, as_json: bool) -> int:
    """List versions and changes."""
    return _shown(lambda history: history.versions(document, shop or "default"), as_json, _history_lines)


def run_diff(document: str, older: int | None, newer: int | None, shop: str | None, as_json: bool) -> int:
    """Show what two versions differ in."""
    return _shown(lambda history: history.diff(document, older, newer, shop or "default"), as_json, _diff_lines)


def run_held(document: str, version: int | None, shop: str | None, as_json: bool) -> int:
    """List held sentences."""
    return _shown(lambda history: history.held(document, version, shop or "default"), as_json, _held_lines)


def run_change(change: Change, as_json: bool) -> int:
    """Publish, roll back, retire, release or hold.

    Raises:
        NotFound, Conflict, PreconditionFailed: as the library says.
    """
    from service.database.publishing import Signed

    async def work(library: Library) -> Any:
        shop = change.shop or "default"
        expected = None if change.seen is None else {change.seen}
        more: dict[str, Any] = {"expected": expected, "signed": Signed(change.author, change.note)}
        if change.action == "retire":
            return await library.retire(change.document, shop, **more)
        if change.action in ("release", "hold"):
            hold = change.action == "hold"
            return await library.release(change.document, change.n, change.version, shop, hold=hold, **more)
        door = library.publish if change.action == "publish" else library.rollback
        return await door(change.document, change.version, shop, **more)

    state = with_library(work, search=False)
    if as_json:
        print(state.model_dump_json())
        return 0
    live = word("documents", "live", version=state.published) if state.published else word("documents", "not_live")
    print(word("documents", change.action, id=state.id, n=change.n, live=live, revision=state.revision))
    for warning in state.warnings:
        print(word("knowledge", "warning", text=printable(warning)))
    return 0


def _shown(read: Callable[[History], Awaitable[M]], as_json: bool, lines: Callable[[M], Iterable[str]]) -> int:
    """Read something and print it."""

    async def work(library: Library) -> M:
        return await read(library.history)

    found = with_library(work, search=False)
    if as_json:
        print(found.model_dump_json(by_alias=True))
        return 0
    for line in lines(found):
        print(line)
    return 0


def _list_lines(page: Any) -> Iterable[str]:
    for row in page.documents:
        yield _document_line(row)
    yield word("documents", "total", count=page.total)


def _document_line(row: DocumentInfo) -> str:
    shown = {"state": name_of("state", row.state), "kind": name_of("kind", row.kind), "newest": row.newest}
    live = word("documents", "live", version=row.published) if row.published else word("documents", "not_live")
    line = word("documents", "line", id=row.id, title=printable(row.title), live=live, **shown)
    return line if row.state == "published" else faint(line)


def _version_lines(version: VersionWhole) -> Iterable[str]:
    yield strong(word("documents", "version", **_named(version), id=version.id))
    yield from (word("knowledge", "warning", text=printable(warning)) for warning in version.warnings)
    for gone in version.dropped:
        yield faint(word("documents", "dropped", name=gone.name, count=gone.count))
        yield from (faint("    " + printable(line)) for line in gone.lines)
    for n, passage in enumerate(version.passages, 1):
        mark = word("documents", "held_mark", reason=passage.held_reason or "") if passage.held else ""
        yield ""
        yield strong(word("documents", "passage", n=n, section=printable(passage.section), held=mark))
        yield printable(passage.text)


def _history_lines(listed: VersionList) -> Iterable[str]:
    for version in listed.versions:
        yield word("documents", "version", **_named(version), id=listed.id)
    for change in listed.changes:
        action = name_of("action", change.action)
        shown = {"revision": change.revision, "action": action, "version": change.version or "-"}
        yield faint(word("documents", "change", at=f"{change.at:%Y-%m-%d %H:%M}", **shown, **_who(change)))


def _named(version: Any) -> dict[str, Any]:
    shown = {"version": version.version, "state": name_of("state", version.state), "held": version.held}
    times = {"at": f"{version.created_at:%Y-%m-%d %H:%M}", "chunks": version.chunks}
    return {"title": printable(version.title), **shown, **times, **_who(version)}


def _who(row: Any) -> dict[str, str]:
    return {"author": printable(row.author or "-"), "note": printable(row.note or "")}


def _diff_lines(diff: VersionDiff) -> Iterable[str]:
    counts = {"added": diff.added, "removed": diff.removed}
    yield strong(word("documents", "diff", id=diff.id, older=diff.older, newer=diff.newer, **counts))
    for label in diff.labels:
        yield word("documents", "label", name=name_of("label", label.label), before=label.before, after=label.after)
    for hunk in diff.hunks:
        yield faint("@@")
        yield from map(_diff_line, hunk)
    passages = diff.passages
    yield word("documents", "passages", added=len(passages.added), removed=len(passages.removed))
    for passage in passages.held:
        yield word("documents", "newly_held", text=printable(passage.text), reason=passage.held_reason or "")


def _diff_line(line: DiffLine) -> str:
    text = printable(line.text).replace("\n", " ")
    if line.op == "same":
        return faint(f"  {text}")
    return green(f"+ {text}") if line.op == "added" else red(f"- {text}")


def _held_lines(listed: HeldList) -> Iterable[str]:
    for row in listed.held:
        released = word("documents", "released_mark", author=row.released_by or "-") if row.released else ""
        yield strong(word("documents", "held_line", n=row.n, section=printable(row.section), released=released))
        yield "   " + printable(row.text)
        yield faint("   " + printable(row.reason))
    yield word("documents", "held_total", id=listed.id, version=listed.version, count=len(listed.held))
