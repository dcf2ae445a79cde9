"""Whether a rulebook may come into force: everything loads, and every sentence inside comes out as it says.

Run as a process (``python -m service.checkup KNOWLEDGE [LEARNED]``) it prints one JSON object, so that a server can
have a changed folder examined, and what its examples teach learned, without losing a moment of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from service.errors import RulebookError
from service.rulebook.book import Rulebook, load_rulebook


def rulebook_problems(folder: Path, learned: Path | None = None) -> Iterator[RulebookError]:
    """What keeps the files in ``folder`` from coming into force; nothing when all is well.

    Args:
        folder: ``knowledge/``.
        learned: where what is learned from examples is kept between runs.
    """
    book: list[Rulebook] = []
    yield from first_problem(lambda: book.append(load_rulebook(folder, learned)))
    for loaded in book:
        yield from example_problems(loaded)


def example_problems(book: Rulebook) -> Iterator[RulebookError]:
    """The sentences that stand in the rules, run as their tests."""
    from service.checks.examples import check_examples as check_words
    from service.checks.examples import check_faithful_examples
    from service.examples import check_examples, check_sources

    yield from first_problem(book.forbidden.ready)  # what was learned is a file of the team's as well
    yield from first_problem(book.forbidden.check_examples)
    yield from first_problem(lambda: check_words(book.checkrules))
    ear = book.forbidden.ear
    yield from first_problem(lambda: check_faithful_examples(book.faithful, ear.likeness if ear else None))
    yield from check_sources(book)
    yield from check_examples(book)


def first_problem(part: Callable[[], object]) -> Iterator[RulebookError]:
    """The error a part raises, or nothing."""
    try:
        part()
    except RulebookError as error:
        yield error


def main(arguments: list[str]) -> int:
    """Examine a folder and print the first problem, or null."""
    folder, *rest = arguments
    problem = next(rulebook_problems(Path(folder), Path(rest[0]) if rest else None), None)
    told = problem and {"file": problem.file, "line": problem.line, "reason": problem.reason}
    print(json.dumps({"problem": told}, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
