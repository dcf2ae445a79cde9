"""``youli knowledge add``: one file, several, or the files of a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.commands.inputs import one_line, read_bytes, usage
from service.commands.knowledge import with_library
from service.commands.progress import progress
from service.commands.words import name_of, printable, word
from service.errors import InvalidRequest, UsageError, YouliError
from service.room import need_room
from service.settings import read_settings

if TYPE_CHECKING:
    from service.library.store import Library
    from service.schemas import DocumentIngested


@dataclass(frozen=True)
class Outcome:
    """What became of one file: taken in, or why not."""

    path: str
    done: DocumentIngested | None = None
    problem: YouliError | None = None


def run_add(paths: list[str], form: dict[str, Any], shop: str | None, as_json: bool) -> int:
    """Take documents in; of several, each by itself: one that cannot be read keeps no other out.

    Returns:
        0, or 2 if one of several could not be taken in.

    Raises:
        UsageError: a single file that cannot be read, options that do not go together.
        UnsupportedDocument: a single file that nobody can read.
    """
    files = [file for path in paths for file in _files(path)]
    single = len(paths) == 1 and files == paths
    if form["document_id"] and not single:
        raise usage("document_alone")
    if not files:
        raise usage("folder_empty", path=paths[0])
    need_room(read_settings())
    settled = dict(form)
    if settled["kind"] is None and not settled["document_id"]:
        settled["kind"] = "guideline"

    async def work(library: Library) -> list[Outcome]:
        outcomes = []
        with progress(word("knowledge", "adding"), as_json or single) as told:
            for number, path in enumerate(files):
                if told is not None:
                    told(number, len(files), Path(path).name)
                outcomes.append(await _added(library, path, settled, shop, single))
        return outcomes

    try:
        outcomes = with_library(work, search=False)
    except InvalidRequest as error:
        raise one_line(error) from None
    return _said_one(outcomes[0], as_json) if single else _said_all(outcomes, as_json)


def _files(path: str) -> list[str]:
    folder = Path(path)
    if not folder.is_dir():
        return [path]
    found = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return [str(file) for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts)]


async def _added(library: Library, path: str, form: dict[str, Any], shop: str | None, single: bool) -> Outcome:
    try:
        done = await library.add(Path(path).name, read_bytes(path), shop=shop or "default", **form)
    except (InvalidRequest, UsageError) as error:  # this file's own fault; what ails the machine ends the run
        if single:
            raise
        return Outcome(path, problem=error)
    return Outcome(path, done)


def _said_one(outcome: Outcome, as_json: bool) -> int:
    if outcome.done is None:
        return 2
    print(outcome.done.model_dump_json()) if as_json else _say(outcome.done)
    return 0


def _said_all(outcomes: list[Outcome], as_json: bool) -> int:
    failed = [outcome for outcome in outcomes if outcome.problem is not None]
    if as_json:
        documents = [
            {"file": outcome.path, **outcome.done.model_dump(mode="json")} for outcome in outcomes if outcome.done
        ]
        problems = [{"file": o.path, "code": o.problem.code, "detail": o.problem.detail} for o in failed if o.problem]
        print(json.dumps({"documents": documents, "failed": problems}, ensure_ascii=False))
        return 2 if failed else 0
    for outcome in outcomes:
        print(printable(outcome.path))
        if outcome.done is not None:
            _say(outcome.done)
        elif outcome.problem is not None:
            print(word("knowledge", "not_added", reason=printable(outcome.problem.detail)))
    print(word("knowledge", "added_all", done=len(outcomes) - len(failed), failed=len(failed)))
    return 2 if failed else 0


def _say(done: DocumentIngested) -> None:
    print(word("knowledge", "added", **done.model_dump() | {"state": name_of("state", done.state)}))
    for warning in done.warnings:
        print(word("knowledge", "warning", text=printable(warning)))
