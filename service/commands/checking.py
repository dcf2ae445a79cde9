"""``youli check`` and ``youli mask``: gates a shell can run by the hundred, so they import next to nothing."""

from __future__ import annotations

from service.commands.inputs import one_line, text_of
from service.commands.place import knowledge_dir
from service.commands.words import name_of, word
from service.errors import InvalidRequest


def run_check(text: str | None, file: str | None, shop: str | None, verdict: str | None, as_json: bool) -> int:
    """Check a text; 1 when something in it must not be said.

    Raises:
        UsageError: no text, too long, not UTF-8.
        RulebookError: a broken rule file.
    """
    from service.intake import read_model
    from service.schemas import CheckRequest

    body = {"text": text_of(text, file), "verdict": verdict} | ({"shop": shop} if shop else {})
    try:
        request = read_model(CheckRequest, body)
    except InvalidRequest as error:
        raise one_line(error) from None
    from service.checking import Checker
    from service.rulebook.book import CheckBook

    result = Checker(CheckBook(knowledge_dir())).check(request, None)
    if as_json:
        print(result.model_dump_json(indent=2))
    else:
        from service.commands.show import check_lines

        print("\n".join(check_lines(result)))
    return 0 if result.passed else 1


def run_mask(text: str | None, file: str | None, as_json: bool) -> int:
    """Mask a text's personal data and show what was found.

    Raises:
        UsageError: no text, too long, not UTF-8.
    """
    from service.intake import read_model
    from service.schemas import MaskRequest
    from service.text.private import Masker

    try:
        request = read_model(MaskRequest, {"text": text_of(text, file)})
    except InvalidRequest as error:
        raise one_line(error) from None
    result = Masker().mask(request.text)
    if as_json:
        print(result.model_dump_json(indent=2))
        return 0
    print(result.masked)
    for entity in result.entities:
        kind = name_of("entity", entity.type)
        print(word("mask", "entity", type=kind, start=entity.start, end=entity.end, alias=entity.alias))
    return 0
