"""``youli backup`` and ``youli restore``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from service.commands.words import printable, word
from service.errors import EnvironmentProblem
from service.settings import read_settings

_MB = 2**20


def run_backup(target: str, as_json: bool) -> int:
    """Back the data folder up; works while a service writes it.

    Raises:
        UsageError: ``backup_exists``.
        EnvironmentProblem: the database or the target cannot be used.
        Unavailable: ``disk_full``, ``db_busy``.
    """
    from service.backup.making import back_up

    settings = read_settings()
    if settings.data_dir.exists() and not settings.data_dir.is_dir():
        raise EnvironmentProblem("data_dir_is_file", path=settings.data_dir)
    made = back_up(settings, Path(target))
    told = made.manifest
    if as_json:
        files = [entry.model_dump() for entry in told.files]
        shown = told.model_dump(mode="json") | {"files": files, "path": str(made.path), "size": made.size}
        print(json.dumps(shown | {"dump": made.dump}, ensure_ascii=False))
        return 0
    print(printable(word("backup", "made", path=made.path, size=f"{made.size / _MB:.1f}", **_numbers(told))))
    if made.dump:
        print(printable(word("backup", "dump_missing", command=made.dump)))
    return 0


def run_restore(file: str, to: str | None, verify: bool, force: bool, as_json: bool) -> int:
    """Restore a backup into a folder, or only verify it.

    Raises:
        UsageError: neither or both of ``to`` and ``verify``; ``restore_not_empty``.
        EnvironmentProblem: the backup is broken or newer, or the folder cannot be used.
        Unavailable: ``disk_full``.
    """
    from service.backup.restoring import restore
    from service.backup.restoring import verify as verified
    from service.errors import UsageError

    if bool(to) == verify:
        raise UsageError(reason=word("backup", "to_or_verify"))
    path = Path(file)
    if verify:
        told = verified(path)
        if as_json:
            print(json.dumps(_plain(told) | {"sound": True}, ensure_ascii=False))
        else:
            print(printable(word("backup", "sound", path=path, made=_when(told), **_numbers(told))))
        return 0
    settings = read_settings()
    done = restore(path, Path(str(to)), settings.knowledge_dir, settings.prompts_dir, force=force)
    told = done.manifest
    if as_json:
        more = {
            "folder": str(done.folder),
            "kept": str(done.kept) if done.kept else None,
            "migrates": done.migrates,
            "differs": list(done.differs),
            "dump": str(done.dump) if done.dump else None,
        }
        print(json.dumps(_plain(told) | more, ensure_ascii=False))
        return 0
    lines = [word("backup", "restored", folder=done.folder, made=_when(told), **_numbers(told))]
    lines += [word("backup", "kept", path=done.kept)] if done.kept else []
    lines += [word("backup", "migrates", theirs=told.migration)] if done.migrates else []
    lines += [word("backup", "differs", path=done.folder / "restored", names="、".join(done.differs))] * bool(
        done.differs
    )
    if done.dump:
        lines.append(word("backup", "dump_next", path=done.dump))
    elif not told.included:
        lines.append(word("backup", "dump_elsewhere"))
    print(printable("\n".join(lines)))
    return 0


def _numbers(told: Any) -> dict[str, object]:
    rows = told.counts
    return {
        "documents": rows.get("documents", 0),
        "chunks": rows.get("chunks", 0),
        "drafts": rows.get("drafts", 0),
        "rows": sum(rows.values()),
        "files": len(told.files),
    }


def _plain(told: Any) -> dict[str, Any]:
    plain: dict[str, Any] = told.model_dump(mode="json", exclude={"files"})
    return plain | {"files": len(told.files)}


def _when(told: Any) -> str:
    return str(told.made_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"))
