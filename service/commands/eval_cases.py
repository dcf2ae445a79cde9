"""``youli eval case``, ``export`` and ``import``: cases from drafts, for elsewhere and from elsewhere."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from service.commands.inputs import shown, usage
from service.commands.words import name_of, word
from service.errors import NotFound, UsageError, YouliError
from service.settings import prepare_data_dir, read_settings

if TYPE_CHECKING:
    from evals.formats.casefile import Taken
    from evals.formats.promptfoo import Left
    from service.settings import Settings

_NAMED = 5
"""Cases named for each thing that could not be carried."""


@dataclass(frozen=True)
class ExportOptions:
    """The options of ``youli eval export``."""

    format: Literal["jsonl", "promptfoo"] = "jsonl"
    out: str | None = None
    only: list[str] = field(default_factory=list)
    cases: str | None = None
    url: str = ""
    as_json: bool = False


def run_case(draft_id: str, shop: str, out: str | None, as_json: bool) -> int:
    """Write the case of a draft somebody has judged.

    Raises:
        NotFound: this shop has no such draft.
        UsageError: nobody has judged it yet, its case is there already, or the folder is not writable.
        YouliError: the data folder, the rulebook or the database is not usable.
    """
    from evals.dataset import CASES

    settings = read_settings()
    folder = Path(out) if out else CASES

    async def work() -> tuple[Taken, Path, list[str]]:
        taken = await _taken(settings, draft_id, shop)
        (path,) = _write([taken], folder)
        return taken, path, [] if taken.waits else await _off(settings, path)

    taken, path, off = asyncio.run(work())
    if as_json:
        told = {"id": taken.entry.id, "file": str(path), "waits": taken.waits, "off": off}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    print(word("eval_cases", "waits" if taken.waits else "written", id=taken.entry.id, path=shown(str(path))))
    if off:
        print(word("eval_cases", "off", what="、".join(name_of("eval_off", one) for one in off)))
    return 0


async def _taken(settings: Settings, draft_id: str, shop: str) -> Taken:
    from evals.formats.from_draft import case_of
    from service.database.drafts import DraftStore
    from service.database.session import Database

    prepare_data_dir(settings)
    database = await Database.open(settings.database)
    try:
        store = DraftStore(database)
        kept, feedback = await store.get_draft(draft_id, shop), await store.get_feedback(draft_id, shop)
    finally:
        await database.close()
    if kept is None:
        raise NotFound("draft_not_found", id=draft_id[:80])
    if feedback is None:
        raise UsageError("feedback_missing", id=draft_id)
    return case_of(*kept, feedback)


async def _off(settings: Settings, path: Path) -> list[str]:
    """In what the written case does not come out as expected today: without personal data, by today's rules."""
    from evals.dataset import Case, parse_case
    from evals.misses import misses
    from service.assembly import assemble
    from service.drafting import Drafter
    from service.rulebook.yamlfile import read_yaml
    from service.schemas import Draft, Inquiry

    file = read_yaml(path)
    async with assemble(settings, owner=False) as desk:
        drafter = Drafter(desk.rulebook, desk.library)

        async def drafting(inquiry: Inquiry) -> Draft:
            made = [event.draft async for event in drafter.draft(inquiry)][-1]
            if made is None:
                raise YouliError()
            return made

        return await misses(Case(parse_case(file)[0], file), drafting, desk.rulebook.facts)


def run_export(options: ExportOptions) -> int:
    """Write the cases in another format, to a file or to standard output; what cannot be carried goes to stderr.

    Raises:
        UsageError: no such cases, or the file is not writable.
        RulebookError: a broken case.
    """
    from evals.dataset import CASES, load_cases
    from evals.formats.casefile import Taken
    from evals.formats.jsonl import to_jsonl
    from evals.formats.promptfoo import to_promptfoo

    folder, wanted = Path(options.cases) if options.cases else CASES, set(options.only)
    if not folder.is_dir():
        raise usage("file_unreadable", path=folder, reason=word("eval", "no_folder"))
    taken = [Taken(case.entry) for case in load_cases(folder) if not wanted or wanted & case.names]
    if not taken:
        raise UsageError("suite_empty", folder=shown(str(folder)), only="、".join(options.only))
    left: list[Left] = []
    if options.format == "jsonl":
        text = to_jsonl(taken)
    else:
        text, left = to_promptfoo(taken, options.url or word("eval_cases", "url"))
    if options.out is None:
        sys.stdout.write(text)
    else:
        _write_text(Path(options.out), text)
    _tell({"cases": len(taken), "file": options.out}, left, options.as_json, options.out is not None)
    return 0


def run_import(file: str, out: str | None, as_json: bool) -> int:
    """Take cases in from JSON lines or a promptfoo configuration; all of them or none.

    Raises:
        UsageError: another kind of file, an id that is taken, a folder that is not writable.
        RulebookError: a line or test that makes no case.
    """
    from evals.dataset import CASES
    from evals.formats.jsonl import from_jsonl
    from evals.formats.promptfoo_in import from_promptfoo

    path, left = Path(file), list[Any]()
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        taken = from_jsonl(path)
    elif path.suffix.lower() in (".yaml", ".yml"):
        taken, left = from_promptfoo(path)
    else:
        raise usage("eval_import_kind", path=shown(file))
    files = _write(taken, Path(out) if out else CASES)
    told = {"cases": len(files), "waits": sum(one.waits for one in taken), "files": [str(path) for path in files]}
    _tell(told, left, as_json, True)
    return 0


def _tell(told: dict[str, Any], left: Sequence[Left], as_json: bool, on_stdout: bool) -> None:
    """What was written and what could not be carried; never into a file's own text on standard output."""
    if as_json and on_stdout:
        print(json.dumps({**told, "left": [vars(one) for one in left]}, ensure_ascii=False, indent=2))
        return
    into = sys.stdout if on_stdout else sys.stderr
    if told.get("file"):
        print(word("eval_cases", "exported", count=told["cases"], path=shown(told["file"])), file=into)
    if "files" in told:
        print(word("eval_cases", "imported", count=told["cases"], waits=told["waits"]), file=into)
    for what, count in Counter(one.what for one in left).items():
        named = list(dict.fromkeys(one.case for one in left if one.what == what and one.case))[:_NAMED]
        more = word("eval_cases", "more") if count > len(named) else ""
        print(word("eval_cases", "left", what=what, count=count, cases="、".join(named) + more), file=into)


def _write(taken: Iterable[Taken], folder: Path) -> list[Path]:
    from evals.formats.casefile import write_cases

    try:
        return write_cases(taken, folder)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _write_text(path: Path, text: str) -> None:
    from evals.whole import write_whole

    try:
        write_whole(path, text)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> UsageError:
    return usage("out_unwritable", path=shown(str(path)), reason=error.strerror or type(error).__name__)
