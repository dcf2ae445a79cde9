"""``youli doctor``: what is in order and what is not, in Chinese, without touching the network unless told to.

Every line is ``ok``, ``note`` (works, but somebody should look), ``gate`` (must be mended before work is trusted,
exit 1) or ``broken`` (the service would not start, exit 3). Nothing is changed without ``--mend``: no migration, no
sync.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from service.commands.doctor_house import look_at_house
from service.commands.doctor_index import look_at_chroma, look_at_rows
from service.commands.doctor_online import look_at_embedding, look_at_judge, look_at_model
from service.commands.doctor_stores import look_at_database, look_at_servers, look_inside
from service.commands.inputs import shown
from service.commands.words import faint, printable, word
from service.errors import EnvironmentProblem, RulebookError, YouliError
from service.settings import Settings, prepare_data_dir, read_settings

if TYPE_CHECKING:
    from service.rulebook.book import Rulebook

State = Literal["ok", "note", "gate", "broken"]
_EXIT: dict[State, int] = {"ok": 0, "note": 0, "gate": 1, "broken": EnvironmentProblem.exit_code}
_LISTED = 5
"""Names shown of many; the rest are counted."""
Only = Literal["knowledge"]


@dataclass(frozen=True)
class Line:
    """One thing looked at."""

    part: str
    state: State
    text: str


def run_doctor(online: bool, as_json: bool, mend: bool = False, only: Only | None = None) -> int:
    """Look at everything; exit code 0, 1 when a gate failed, 3 when the service would not start.

    Args:
        online: also ask the model one question.
        as_json: for programs.
        mend: put right what can be put right in the database and the index.
        only: as in :func:`diagnose`.
    """
    lines = list(diagnose(online, mend=mend, only=only))
    worst = max((_EXIT[line.state] for line in lines), default=0)
    if as_json:
        told = {"ok": worst == 0, "lines": [asdict(line) for line in lines]}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return worst
    for line in lines:
        text = printable(f"{word('doctor_states', line.state)} {word('doctor_parts', line.part)}：{line.text}")
        print(faint(text) if line.state == "ok" else text)
    print(word("doctor", f"end_{worst}"))
    return worst


def diagnose(
    online: bool, today: date | None = None, *, mend: bool = False, only: Only | None = None
) -> Iterator[Line]:
    """All lines, in the order a person would mend things.

    Args:
        online: also ask the model and the judge one question, and the embeddings endpoint for one vector.
        today: what overdue is measured against; the machine's date when not given.
        mend: put right what can be.
        only: ``knowledge`` looks at documents, database and index alone.
    """
    try:
        settings = read_settings()
    except EnvironmentProblem as error:
        yield Line("settings", "broken", error.detail)
        return
    yield Line("settings", "ok", _say("settings", auth=settings.auth, data=shown(str(settings.data_dir))))
    day = today or date.today()
    if only is None:
        books: list[Rulebook] = []
        yield from _guarded("knowledge", lambda: _knowledge(settings, books))
        for book in books:
            yield from _guarded("rules", lambda book=book: _rules(book, day))  # type: ignore[misc]
        yield from _guarded("prompts", lambda: _prompts(settings))
    yield from _guarded("documents", lambda: _documents(settings, day))
    yield from _guarded("data", lambda: _data(settings))
    yield from _kept(settings, online, mend)
    yield from _guarded("conflicts", lambda: _conflicts(settings))
    if only is None:
        yield from _guarded("disk", lambda: _seen(look_at_house(settings)))
        yield from _guarded("redis", lambda: _seen(look_at_servers(settings, online)))
        yield from _guarded("model", lambda: _lines("model", look_at_model(settings, online)))
        yield from _guarded("embedding", lambda: _lines("embedding", look_at_embedding(settings, online)))
        yield from _guarded("judge", lambda: _lines("judge", look_at_judge(settings, online)))


def _kept(settings: Settings, online: bool, mend: bool) -> Iterator[Line]:
    """The database, and what is in it, if it is one of this version."""
    current: list[bool] = []
    yield from _guarded("database", lambda: _database(settings, online, current))
    if current:
        yield from _guarded("audit", lambda: _seen(look_inside(settings)))
        yield from _guarded("rows", lambda: _lines("rows", look_at_rows(settings, mend)))
        yield from _guarded("chroma", lambda: _lines("chroma", look_at_chroma(settings, mend)))


def _say(name: str, **parameters: object) -> str:
    return word("doctor", name, **parameters)


def _guarded(part: str, look: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    """The lines of a part, or the one line that says why it could not be looked at."""
    try:
        yield from look()
    except RulebookError as error:
        yield Line(part, "broken", f"{shown(error.file)}:{error.line} {error.reason}")
    except YouliError as error:
        yield Line(part, "broken", error.detail)
    except OSError as error:
        yield Line(part, "broken", _say("unreadable", reason=error.strerror or type(error).__name__))


def _knowledge(settings: Settings, books: list[Rulebook]) -> Iterator[Line]:
    from service.rulebook.book import load_rulebook
    from service.rulebook.thesaurus import load_thesaurus

    folder = settings.knowledge_dir
    if not folder.is_dir():
        yield Line("knowledge", "broken", _say("knowledge_missing", path=shown(str(folder))))
        return
    book = load_rulebook(folder)
    load_thesaurus(folder / "thesaurus.yaml")
    books.append(book)
    counts = {"boundaries": len(book.boundaries), "rules": len(book.forbidden.rules), "shops": len(book.shops)}
    yield Line("knowledge", "ok", _say("knowledge", digest=book.digest, **counts))
    if book.forbidden.ear is None:
        yield Line("learned", "note", _say("learned_missing"))
    elif book.forbidden.stale():
        yield Line("learned", "gate", _say("learned_stale"))
    else:
        yield Line("learned", "ok", _say("learned"))
    yield from _suspects(folder / "library")


def _suspects(folder: Path) -> Iterator[Line]:
    """Whether what is heard in documents from outside was learned from the sentences that stand there."""
    from service.library.suspicion import load_suspicion, stale

    suspicion = load_suspicion(folder)
    if suspicion is None or stale(folder, suspicion):
        yield Line("learned", "gate", _say("suspects_stale"))


def _rules(book: Rulebook, today: date) -> Iterator[Line]:
    overdue = book.forbidden.overdue(today)
    if not overdue:
        yield Line("rules", "ok", _say("rules", count=sum(rule.review_by is not None for rule in book.forbidden)))
        return
    named = [f"{rule.rule.id}（{rule.review_by}）" for rule in overdue]
    yield Line("rules", "note", _say("rules_overdue", count=len(overdue), names=_some(named)))


def _documents(settings: Settings, today: date) -> Iterator[Line]:
    """Documents of the files whose own dates have passed."""
    from service.library.folder import read_folder
    from service.rulebook.yamlfile import read_front_matter

    root = settings.knowledge_dir
    documents = read_folder(root)
    late = []
    for document in documents:
        front = read_front_matter(root / document.path.partition("/")[2])[0].data
        ends = [front.get(key) for key in ("review_by", "effective_to")]
        if any(_passed(value, today) for value in ends):
            late.append(document.id)
    if late:
        yield Line("documents", "note", _say("documents_overdue", count=len(late), names=_some(late)))
    else:
        yield Line("documents", "ok", _say("documents", count=len(documents)))


def _passed(value: object, today: date) -> bool:
    try:
        return date.fromisoformat(str(value)[:10]) < today
    except ValueError:
        return False


def _prompts(settings: Settings) -> Iterator[Line]:
    from service.writing.prompts import Prompts

    Prompts.load(settings.prompts_dir)
    yield Line("prompts", "ok", _say("prompts", path=shown(str(settings.prompts_dir))))


def _data(settings: Settings) -> Iterator[Line]:
    there = settings.data_dir.exists()
    prepare_data_dir(settings)
    if not there:
        yield Line("data", "ok", _say("data_new", path=shown(str(settings.data_dir))))
    else:
        yield Line("data", "ok", _say("data", path=shown(str(settings.data_dir))))


def _lines(part: str, seen: Iterator[tuple[str, str]]) -> Iterator[Line]:
    yield from (Line(part, cast(State, state), text) for state, text in seen)


def _seen(seen: Iterator[tuple[str, str, str]]) -> Iterator[Line]:
    yield from (Line(part, cast(State, state), text) for part, state, text in seen)


def _database(settings: Settings, online: bool, current: list[bool]) -> Iterator[Line]:
    """The version and soundness of the SQLite file, read without writing; another database is only named.

    ``current`` is added to when there is one of this version, in which to look further.
    """
    from service.database.tables import HEAD

    path = settings.data_dir / "youli.sqlite3"
    if settings.database_url is not None:
        if not online:
            yield Line("database", "note", _say("database_other"))
            return
        state, text, same = look_at_database(settings)
        current += [True] * same
        yield Line("database", cast(State, state), text)
        return
    if not path.exists():
        yield Line("database", "ok", _say("database_new"))
        return
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as connection:
            sound = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise EnvironmentProblem("database_broken", path=path, reason=type(error).__name__) from None
    if sound != "ok":
        raise EnvironmentProblem("database_broken", path=path, reason="quick_check")
    version = row[0] if row else "?"
    if version == HEAD:
        current.append(True)
        yield Line("database", "ok", _say("database", version=version))
    else:
        yield Line("database", "note", _say("database_old", version=version, head=HEAD))


def _conflicts(settings: Settings) -> Iterator[Line]:
    """How many contradictions between documents wait for somebody, as they were found last."""
    from service.library.conflicts.kept import NAME, waiting

    path = settings.data_dir / "youli.sqlite3"
    ruled: set[str] = set()
    if settings.database_url is None and path.exists():
        with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as there:
            ruled = {row[0] for row in there.execute("SELECT key FROM rulings")}
    count = waiting(settings.data_dir / NAME, ruled)
    yield Line("conflicts", "note" if count else "ok", _say("conflicts_open" if count else "conflicts", count=count))


def _some(names: list[str]) -> str:
    return "、".join(names[:_LISTED]) + ("…" if len(names) > _LISTED else "")
