"""What is to be written for a file or an upload: rows ready for the database, made beside the event loop."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from service.database.knowledge import Row
from service.errors import InvalidRequest, RulebookError, YouliError, phrase
from service.library.embed import HashNgram, to_blobs
from service.library.files.front import read_date
from service.library.folder import FileDocument, digest, read_folder
from service.library.ingest import Ingested, ingest
from service.library.rules import LibraryRules
from service.library.snapshot import SHARED
from service.schemas import AUTHORITY_OF, Authority, DocumentKind

DATES = ("effective_from", "effective_to")
MAX_NAME = 255
DROPPED_SHOWN = 200
"""Lines of site noise kept for people to look at, of each kind."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


Progress = Callable[[int, int, str], None]
"""Told on long work: how many are done, of how many, and what comes next."""


@dataclass(frozen=True, slots=True)
class Submission:
    """Rows of one new version; see :func:`service.database.publishing.add_version`."""

    document: dict[str, Any]
    version: dict[str, Any]
    pieces: list[dict[str, Any]]
    blobs: list[bytes]
    """One a piece, or none at all: they come later."""

    @property
    def held(self) -> int:
        """How many passages are held."""
        return sum(bool(piece["held"]) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync of the knowledge folder did, by document id. ``warnings`` are (path, Chinese sentence)."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    retired: tuple[str, ...]
    unchanged: int
    warnings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What a sync has to write."""

    submissions: list[Submission]
    report: SyncReport


def prepare_files(
    knowledge: Path,
    live: Mapping[str, str],
    rules: LibraryRules,
    embedder: HashNgram | None,
    progress: Progress | None = None,
) -> FilePlan:
    """Read the knowledge folder and make what is new or changed ready.

    Args:
        knowledge: the folder.
        live: content digests of the file documents that are published, by id.
        rules: noise, headings, held sentences, sizes.
        embedder: makes the vectors; None when they come later, from an endpoint.
        progress: told before each file, and at the end.

    Raises:
        RulebookError: the folder is missing, or a file cannot be read.
    """
    if not knowledge.is_dir():
        raise RulebookError(knowledge, 0, phrase("file_missing"))
    files = read_folder(knowledge)
    fresh = [file for file in files if live.get(file.id) != digest(file.data)]
    submissions = []
    for done, file in enumerate(fresh):
        if progress is not None:
            progress(done, len(fresh), file.path)
        submissions.append(_from_file(file, rules, embedder))
    if progress is not None:
        progress(len(fresh), len(fresh), "")
    report = SyncReport(
        added=tuple(file.id for file in fresh if file.id not in live),
        changed=tuple(file.id for file in fresh if file.id in live),
        retired=tuple(sorted(live.keys() - {file.id for file in files})),
        unchanged=len(files) - len(fresh),
        warnings=tuple((s.document["path"], text) for s in submissions for text in s.version["warnings"]),
    )
    return FilePlan(submissions, report)


def prepare_upload(
    name: str,
    data: bytes,
    shop: str,
    labels: Mapping[str, Any],
    extra: Mapping[str, Any],
    former: Row | None,
    rules: LibraryRules,
    embedder: HashNgram | None,
) -> Submission:
    """Make an uploaded file ready; what the caller gives goes before what the file says of itself.

    Args:
        name: file name.
        data: its bytes.
        shop: whose document it is.
        labels: kind, title, authority, platform, category.
        extra: author, note, effective_from, effective_to.
        former: the version before, whose labels and dates hold on where nobody says otherwise; None for a new document.
        rules: noise, headings, held sentences, sizes.
        embedder: makes the vectors; None when they come later, from an endpoint.

    Raises:
        YouliError: as :func:`service.library.ingest.ingest`.
    """
    was = former["labels"] if former else {}
    kind: DocumentKind = labels["kind"] or was["kind"]
    made = ingest(name, data, rules, title=labels["title"], former=was.get("title"), kind=kind)
    if not made.pieces:
        raise InvalidRequest("empty_document")
    front = made.front.model_dump()
    given = {key: _first(value, front.get(key), was.get(key)) for key, value in labels.items()}
    authority, doubts = _settled(kind, labels["authority"], _first(made.front.authority, was.get("authority")))
    given |= {"title": made.title, "kind": kind, "authority": authority}
    made = replace(made, warnings=(*made.warnings, *doubts))
    dates = {key: read_date(_first(extra[key], front.get(key), former and former[key])) for key in DATES}
    check_dates(dates["effective_from"], dates["effective_to"])
    rest = {"author": extra["author"], "note": extra["note"], **dates}
    row = {"id": former["document_id"] if former else new_id(), "shop": shop, "source": "upload", "path": None}
    return _submission(row, given, made, data, {**rest, "name": name[-MAX_NAME:]}, embedder)


def check_dates(begin: datetime | None, end: datetime | None) -> None:
    """A document holds from some time to a later one.

    Raises:
        InvalidRequest: ``dates_reversed``.
    """
    if begin is not None and end is not None and begin >= end:
        message = phrase("dates_reversed", begin=begin.date(), end=end.date())
        raise InvalidRequest("dates_reversed", [{"pointer": "/effective_to", "message": message}])


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def new_id() -> str:
    """``doc_`` and 26 characters that sort by time (48 bits of milliseconds, 80 of chance)."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "doc_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def _settled(kind: DocumentKind, asked: Authority | None, claimed: Authority | None) -> tuple[Authority, list[str]]:
    """The document's authority: never above its kind's. What the caller asks is refused, what the file claims lowered.

    Raises:
        InvalidRequest: ``authority_too_high``.
    """
    own = AUTHORITY_OF[kind]
    force = get_args(Authority)
    wanted = asked or claimed or own
    if force.index(wanted) >= force.index(own):
        return wanted, []
    if asked is not None:
        message = phrase("authority_above_kind", kind=kind, authority=asked)
        raise InvalidRequest("authority_too_high", [{"pointer": "/authority", "message": message}], reason=message)
    return own, [phrase("warning_authority", kind=kind, authority=claimed)]


def _from_file(file: FileDocument, rules: LibraryRules, embedder: HashNgram | None) -> Submission:
    try:
        made = ingest(Path(file.path).name, file.data, rules, kind=file.kind, own=True)
        front = made.front
        dates = {key: read_date(getattr(front, key)) for key in DATES}
        check_dates(dates["effective_from"], dates["effective_to"])
    except RulebookError:
        raise
    except YouliError as error:
        reason = str(error.parameters.get("reason", error.detail))
        raise RulebookError(file.path, int(error.parameters.get("line", 0)), reason) from None
    labels = {
        "kind": front.kind or file.kind,
        "title": made.title,
        "authority": front.authority or file.authority,
        "platform": front.platform,
        "category": front.category,
    }
    row = {"id": file.id, "shop": SHARED, "source": "file", "path": file.path}
    rest = {"author": None, "note": None, "name": Path(file.path).name[-MAX_NAME:], **dates}
    return _submission(row, labels, made, file.data, rest, embedder)


def pieces_of(made: Ingested) -> list[dict[str, Any]]:
    """The rows of a version's chunks."""
    return [
        {
            "section": piece.section,
            "text": made.text[piece.start : piece.end],
            "indexed_text": indexed,
            "start": piece.start,
            "end": piece.end,
            "held": piece.held is not None,
            "held_reason": piece.held,
        }
        for piece, indexed in zip(made.pieces, made.indexed, strict=True)
    ]


def _submission(
    row: dict[str, Any],
    labels: dict[str, Any],
    made: Ingested,
    data: bytes,
    rest: dict[str, Any],
    embedder: HashNgram | None,
) -> Submission:
    questions = [question.strip() for question in made.front.questions if question.strip()]
    version = {
        "sha256": made.sha256,
        "labels": {**labels, "questions": questions},
        "raw": data,
        "text": made.text,
        "warnings": list(made.warnings),
        "dropped": [
            {"name": gone.name, "count": len(gone.lines), "lines": list(gone.lines[:DROPPED_SHOWN])}
            for gone in made.dropped
        ],
        **rest,
    }
    document = {**row, **labels, "created_at": datetime.now(UTC)}
    blobs = to_blobs(embedder, made.indexed) if embedder is not None else []
    return Submission(document, version, pieces_of(made), blobs)
