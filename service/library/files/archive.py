"""A docx as a zip nobody trusts: counted and measured before anything in it is unpacked."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

from service.library.files.content import Unreadable

_KB, _MB = 1024, 1024 * 1024
_DECLARATIONS = tuple(
    mark.encode(encoding) for mark in ("<!DOCTYPE", "<!ENTITY") for encoding in ("ascii", "utf-16-le", "utf-16-be")
)
_TYPES = "[Content_Types].xml"


def parts_of(data: bytes, limits: dict[str, Any]) -> dict[str, bytes]:
    """The XML parts of an Office file by name; pictures and whatever else is packed in it stay packed.

    Raises:
        Unreadable: no zip, damaged, locked, a bomb, or XML with declarations of its own.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            infos = packed.infolist()
            _measure(infos, limits)
            wanted = [info for info in infos if _is_xml(info.filename)]
            parts = {info.filename: packed.read(info) for info in wanted}
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError):
        raise Unreadable("document_damaged") from None
    for part in parts.values():
        if any(mark in part for mark in _DECLARATIONS):
            raise Unreadable("document_entities")
    return parts


def packed_again(parts: dict[str, bytes]) -> io.BytesIO:
    """The parts as a zip, not compressed: it only goes to the next reader."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as packed:
        for name, part in parts.items():
            packed.writestr(name, part)
    made.seek(0)
    return made


def _is_xml(name: str) -> bool:
    return name == _TYPES or (name.endswith((".xml", ".rels")) and name.startswith(("word/", "_rels/")))


def _measure(infos: list[zipfile.ZipInfo], limits: dict[str, Any]) -> None:
    if len(infos) > limits["zip_entries"]:
        raise Unreadable("document_bomb")
    if any(info.flag_bits & 1 for info in infos):
        raise Unreadable("document_locked")
    if sum(info.file_size for info in infos) > limits["zip_mb"] * _MB:
        raise Unreadable("document_bomb")
    for info in infos:
        large = info.file_size > limits["ratio_from_kb"] * _KB
        if large and info.file_size > limits["zip_ratio"] * max(1, info.compress_size):
            raise Unreadable("document_bomb")
        if _is_xml(info.filename) and info.file_size > limits["xml_mb"] * _MB:
            raise Unreadable("document_bomb")
