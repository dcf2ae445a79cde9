"""What ``kills`` kills: a process that looks whether all is well, then takes documents in without end.

``sync`` rewrites every file of a folder and syncs it; ``add`` uploads new documents; ``replace`` uploads new versions
of one document, publishes and rolls back; ``rebuild`` does so as a server, with Chroma behind it, and asks for its
index to be built anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import sys
from functools import cache
from pathlib import Path
from typing import Any

from evals.benchmarks.texts import sentences

KINDS = {"sync": 40, "add": 30, "replace": 30, "rebuild": 20, "migrate": 20, "backup": 20}
"""Kinds of work, and how often each is killed unless told otherwise."""
FILES = 5
SECTIONS = 5


def paper(name: str, turn: int) -> str:
    """A document of many passages; each says which document and which turn it is of."""
    chance = random.Random(f"{name}-{turn}")
    said = _said()
    parts = [f"# {name}\n"]
    for section in range(SECTIONS):
        parts.append(f"## {name}-{section}\n{name} turn{turn} " + "".join(chance.choices(said, k=6)) + "\n")
    return "\n".join(parts)


def documents(knowledge: Path, turn: int) -> None:
    """Every file of the folder as of a turn."""
    folder = knowledge / "guidelines"
    folder.mkdir(exist_ok=True)
    for number in range(FILES):
        part = folder / ".part"  # half a file is the writer's doing; a sync refuses it and publishes nothing
        part.write_text(paper(f"paper{number}", turn), encoding="utf-8")
        part.replace(folder / f"paper{number}.md")


@cache
def _said() -> list[str]:
    return sentences()


class Work:
    """The journal and the library of one process."""

    def __init__(self, folder: Path, library: Any, seed: int) -> None:
        self.folder, self.library = folder, library
        self.chance = random.Random(seed)
        self._path = folder / "journal.jsonl"
        self.lines = self.read(self._path)

    @staticmethod
    def read(path: Path) -> list[dict[str, Any]]:
        """The journal; a last line that was cut short says nothing."""
        if not path.exists():
            return []
        found = []
        for line in path.read_text("utf-8").split("\n"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def write(self, **line: Any) -> None:
        """One line, on disk when this returns."""
        with self._path.open("ab") as file:
            file.write(b"\n" + json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.lines.append(line)

    async def done(self, what: dict[str, Any], work: Any) -> Any:
        """Do something, with a line before and a line after."""
        self.write(doing=what)
        result = await work
        self.write(done=what | (result if isinstance(result, dict) else {}))
        return result

    async def go_on(self, kind: str) -> None:
        """Work without end."""
        turn = max((line["doing"]["turn"] for line in self.lines if "doing" in line), default=0)
        while True:
            turn += 1
            await getattr(self, f"_{kind}")(turn)

    async def _sync(self, turn: int) -> None:
        documents(self.folder / "knowledge", turn)
        await self.done({"turn": turn, "op": "sync"}, self.library.sync(self.folder / "knowledge"))

    async def _add(self, turn: int) -> None:
        await self.done({"turn": turn, "op": "add"}, self.added(f"upload{turn}", turn, True))

    async def _replace(self, turn: int) -> None:
        mine = [line["done"] for line in self.lines if line.get("done", {}).get("op") == "version"]
        if len(mine) < 2 or self.chance.random() < 0.5:
            publish = self.chance.random() < 0.5
            document = mine[0]["id"] if mine else None
            what = {"turn": turn, "op": "version", "publish": publish}
            await self.done(what, self.added("letter", turn, publish, document))
        else:
            number = self.chance.choice(mine)["version"]
            what = {"turn": turn, "op": "publish", "version": number, "id": mine[0]["id"]}
            await self.done(what, self.library.publish(mine[0]["id"], number))

    async def _rebuild(self, turn: int) -> None:
        await self._replace(turn)
        index = self.library._index
        if index._growing is not None:
            self.write(chroma=index._growing.pid)
        if self.chance.random() < 0.2:
            index._folders.want_rebuild()
        await asyncio.sleep(self.chance.uniform(0, 0.4))

    async def added(self, name: str, turn: int, publish: bool, document: str | None = None) -> dict[str, Any]:
        """One document in; its id, version and digest."""
        data = paper(name, turn).encode()
        made = await self.library.add(f"{name}.md", data, kind="shop", publish=publish, document_id=document)
        return {"id": made.id, "version": made.version, "sha": hashlib.sha256(data).hexdigest()}


async def _run(kind: str, folder: Path, seed: int) -> None:
    from evals.benchmarks.kill_check import problems
    from service.library.store import Library
    from service.logs import configure_logs
    from service.rulebook.thesaurus import load_thesaurus
    from service.settings import read_settings

    configure_logs()
    knowledge = folder / "knowledge"
    settings = read_settings(data_dir=folder / "data", knowledge_dir=knowledge)
    library = await Library.open(settings, load_thesaurus(knowledge / "thesaurus.yaml"), owner=kind == "rebuild")
    work = Work(folder, library, seed)
    found = await problems(kind, work)
    print(json.dumps({"problems": found, "working": True}), flush=True)
    await work.go_on(kind)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
