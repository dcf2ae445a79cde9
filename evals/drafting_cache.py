"""Drafts kept by what they were made from: a rerun asks no model for what it has answered.

One line a draft in an append-only file; a line that was written by half is passed over.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from evals.playing import Drafting
from evals.results import Digests
from service.schemas import Draft, Inquiry


class DraftCache:
    """Drafts by the digest of inquiry, code, knowledge, prompts and model.

    Args:
        path: the file; made when the first draft is kept.
        digests: what drafts are made with now.
    """

    def __init__(self, path: Path, digests: Digests) -> None:
        self._path = path
        self._made_with = digests.model_dump(include={"code", "knowledge", "prompts", "model"})
        self._known: dict[str, str] = {}
        self.hits = 0
        if path.exists():
            for line in path.read_text("utf-8", errors="replace").splitlines():
                key, tab, draft = line.partition("\t")
                if tab and draft.endswith("}"):
                    self._known[key] = draft

    def around(self, drafting: Drafting) -> Drafting:
        """The same drafting; asked again for the same inquiry it gives what it gave, the n-th time the n-th draft."""
        asked: dict[str, int] = {}

        async def cached(inquiry: Inquiry) -> Draft:
            plain = self._key(inquiry, 0)
            asked[plain] = asked.get(plain, 0) + 1
            key = self._key(inquiry, asked[plain])
            if key in self._known:
                self.hits += 1
                return Draft.model_validate_json(self._known[key])
            draft = await drafting(inquiry)
            if not draft.writer.degraded:
                self._keep(key, draft)
            return draft

        return cached

    def _key(self, inquiry: Inquiry, number: int) -> str:
        whole = json.dumps([inquiry.model_dump(mode="json"), self._made_with, number], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()

    def _keep(self, key: str, draft: Draft) -> None:
        line = draft.model_dump_json(by_alias=True)
        self._known[key] = line
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(f"{key}\t{line}\n".encode())


def code_digest(folder: Path) -> str:
    """Of the program's own files: another program may draft otherwise."""
    found = hashlib.sha256()
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.yaml")]):
        found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]
