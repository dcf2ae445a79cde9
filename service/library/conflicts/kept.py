"""What was found, kept beside the database, so that a process that starts need not look again at what has not changed.

Nothing here is needed: a file that is missing, damaged, of another state or cannot be written only means looking again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from service.library.conflicts.claims import Claim
from service.library.conflicts.pairs import Clash, Said, Source

_VERSION = 2
"""Raised when reading itself changes, so that what was found before is not taken for it."""
NAME = "contradictions.json"


@dataclass(frozen=True)
class Kept:
    """The file that keeps what was found last.

    Args:
        path: where; its folder must be there.
        topics: the state of the questions.
    """

    path: Path
    topics: str

    def take(self, documents: Sequence[str]) -> tuple[Clash, ...] | None:
        """What was found among exactly these documents, or None."""
        try:
            kept = json.loads(self.path.read_bytes())
            if kept["state"] != self._state(documents) or kept["seal"] != _seal(kept):
                return None
            return tuple(map(_clash, kept["clashes"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def put(self, documents: Sequence[str], clashes: Iterable[Clash]) -> None:
        """Keep what was found."""
        kept: dict[str, Any] = {"state": self._state(documents), "clashes": [_plain(clash) for clash in clashes]}
        kept["seal"] = _seal(kept)
        with contextlib.suppress(OSError):
            handle, written = tempfile.mkstemp(dir=self.path.parent, suffix=".part")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(kept, file, ensure_ascii=False)
            Path(written).replace(self.path)

    def _state(self, documents: Sequence[str]) -> list[Any]:
        return [_VERSION, self.topics, *sorted(documents)]


def _seal(kept: Mapping[str, Any]) -> str:
    """A digest of everything in the file; a byte of a quote that turned would otherwise be shown as found."""
    said = json.dumps([kept["state"], kept["clashes"]], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def waiting(path: Path, ruled: Collection[str]) -> int:
    """How many of what was found last nobody has ruled on; none when nothing is kept."""
    try:
        kept = json.loads(path.read_bytes())
        if kept["seal"] != _seal(kept):
            return 0
        return sum(set(ruled).isdisjoint(clash["keys"]) for clash in kept["clashes"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0


def _plain(clash: Clash) -> dict[str, Any]:
    plain = asdict(clash) | {"keys": sorted(clash.keys)}
    for side in (plain["left"], plain["right"], *plain["left_more"], *plain["right_more"], *plain["lawless"]):
        source, claim = side["source"], side["claim"]
        claim["cases"] = {name: sorted(cases) for name, cases in claim["cases"].items()}
        for name in ("created_at", "effective_from", "effective_to"):
            source[name] = source[name].isoformat() if source[name] else None
    return plain


def _clash(plain: Mapping[str, Any]) -> Clash:
    return Clash(
        key=plain["key"],
        topic=plain["topic"],
        asks=plain["asks"],
        left=_said(plain["left"]),
        right=_said(plain["right"]),
        left_more=tuple(map(_said, plain["left_more"])),
        right_more=tuple(map(_said, plain["right_more"])),
        lawless=tuple(map(_said, plain["lawless"])),
        keys=frozenset(plain["keys"]),
        sure=plain["sure"],
    )


def _said(plain: Mapping[str, Any]) -> Said:
    source, claim = dict(plain["source"]), dict(plain["claim"])
    for name in ("created_at", "effective_from", "effective_to"):
        source[name] = datetime.fromisoformat(source[name]) if source[name] else None
    claim["cases"] = {name: frozenset(cases) for name, cases in claim["cases"].items()}
    return Said(Source(**source), Claim(**claim), plain["quote"], plain["says"])
