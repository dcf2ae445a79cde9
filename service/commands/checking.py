"""``youli check`` and ``youli mask``: gates a shell can run by the hundred, so they import next to nothing."""

from __future__ import annotations

from dataclasses import dataclass

from service.commands.inputs import one_line, text_of, usage
from service.commands.place import knowledge_dir
from service.commands.words import name_of, word
from service.errors import InvalidRequest

_CHATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".xlsx", ".xls", ".xlsm", ".et", ".ods", ".numbers")


@dataclass(frozen=True)
class CheckOptions:
    """What was typed after ``youli check``."""

    text: str | None
    file: str | None
    shop: str | None = None
    verdict: str | None = None
    repair: bool = False
    out: str | None = None
    as_json: bool = False


def run_check(options: CheckOptions) -> int:
    """Check a text, or the agents' turns of a file of chats; 1 when something in it must not be said.

    Raises:
        UsageError: no text, too long, not UTF-8.
        RulebookError: a broken rule file.
    """
    if options.file is not None and options.file.lower().endswith(_CHATS):
        if options.text is not None or options.verdict is not None or options.repair:
            raise usage("chats_alone")
        from service.commands.check_file import run_check_file

        return run_check_file(options.file, options.out, options.as_json)
    if options.out is not None:
        raise usage("out_alone")
    from service.intake import read_model
    from service.schemas import CheckRequest

    body: dict[str, object] = {"text": text_of(options.text, options.file), "verdict": options.verdict}
    body |= {"repair": options.repair} | ({"shop": options.shop} if options.shop else {})
    try:
        request = read_model(CheckRequest, body)
    except InvalidRequest as error:
        raise one_line(error) from None
    from service.checking import Checker
    from service.rulebook.book import CheckBook

    result = Checker(CheckBook(knowledge_dir())).check(request, None)
    if options.as_json:
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
