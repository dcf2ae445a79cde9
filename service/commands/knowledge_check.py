"""``youli knowledge check``: everything in the team's files, and the sentences that are their tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from service.commands.drafts import demo_cases
from service.commands.inputs import shown
from service.commands.words import printable, word
from service.errors import RulebookError
from service.settings import Settings, read_settings

if TYPE_CHECKING:
    from service.rulebook.book import Rulebook


def run_check(as_json: bool) -> int:
    """Check the knowledge folder; prints every part's first problem as ``file:line``, exit code 2 if there is one."""
    settings = read_settings()
    books: list[Rulebook] = []
    problems = list(_problems(settings, books))
    overdue = [rule.rule.id for book in books for rule in book.forbidden.overdue(date.today())]
    files = sum(path.is_file() for path in settings.knowledge_dir.rglob("*.*"))
    if as_json:
        rows = [{"file": shown(error.file), "line": error.line, "reason": error.reason} for error in problems]
        told = {"ok": not problems, "files": files, "problems": rows, "overdue": overdue}
        print(json.dumps(told, ensure_ascii=False, indent=2))
    elif problems:
        for error in problems:
            print(printable(f"{shown(error.file)}:{error.line} {error.reason}"), file=sys.stderr)
        print(word("knowledge", "problems", count=len(problems)), file=sys.stderr)
    else:
        print(word("knowledge", "checked", files=files))
    if overdue and not as_json:
        print(word("knowledge", "overdue", count=len(overdue), names="、".join(overdue)), file=sys.stderr)
    return RulebookError.exit_code if problems else 0


def _problems(settings: Settings, book: list[Rulebook]) -> Iterator[RulebookError]:
    """The first problem of each part; examples of the rulebook are passed over while it does not load."""
    folder = settings.knowledge_dir
    parts: list[Callable[[], object]] = [
        lambda: book.append(_rulebook(folder)),
        lambda: _thesaurus(folder),
        lambda: _documents(folder),
        lambda: _prompts(settings.prompts_dir),
        lambda: _endpoints(settings.prompts_dir),
        lambda: demo_cases(settings),
        lambda: scales(folder),
    ]
    from service.checkup import example_problems, first_problem
    from service.insight.scales import scales

    for part in parts:
        yield from first_problem(part)
    for loaded in book:
        yield from example_problems(loaded)
    yield from _library_examples(folder)
    yield from _marks(folder)
    yield from _topics(folder / "library")


def _rulebook(folder: Path) -> Rulebook:
    from service.rulebook.book import load_rulebook

    return load_rulebook(folder)


def _thesaurus(folder: Path) -> None:
    from service.rulebook.thesaurus import load_thesaurus

    load_thesaurus(folder / "thesaurus.yaml")


def _documents(folder: Path) -> None:
    """Take every document in as a sync would, without keeping anything."""
    from service.library.embed import HashNgram
    from service.library.rules import load_rules
    from service.library.submit import prepare_files

    rules = load_rules(folder / "library")
    prepare_files(folder, {}, rules, HashNgram(rules.tuning.embed.dim))


def _library_examples(folder: Path) -> list[RulebookError]:
    """The library's rules against their own examples; a file that does not load was told already."""
    from service.library.hold import check_examples as check_held
    from service.library.rules import check_examples, load_rules

    try:
        rules = load_rules(folder / "library")
        return [*check_examples(rules, folder / "library"), *check_held(rules, folder / "library")]
    except RulebookError:
        return []


def _marks(folder: Path) -> Iterator[RulebookError]:
    """Marks and front matter of the documents, every problem; a file that cannot be read is the last one."""
    from service.library.marks import check_marks

    try:
        yield from check_marks(folder)
    except RulebookError as error:
        yield error


def _topics(folder: Path) -> Iterator[RulebookError]:
    """The questions on which documents may disagree, against their own examples."""
    from service.library.conflicts.examples import check_topics
    from service.library.conflicts.topics import FOLDER, load_topics

    if (folder / FOLDER).is_dir():
        try:
            yield from check_topics(load_topics(folder / FOLDER))
        except RulebookError as error:
            yield error


def _endpoints(folder: Path) -> None:
    from service.llm_profile import Profiles

    Profiles.load(folder)


def _prompts(folder: Path) -> None:
    from service.writing.prompts import Prompts

    Prompts.load(folder)
