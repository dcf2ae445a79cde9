"""Every byte of a folder searched for words that must be gone, in every way they may have been written down."""

from __future__ import annotations

import base64
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


def forms_of(word: str) -> set[bytes]:
    """A word as UTF-8, UTF-16, JSON escapes, percent escapes and base64 in its three alignments."""
    plain = word.encode()
    found = {plain, word.encode("utf-16-le"), word.encode("utf-16-be"), word.encode("gb18030")}
    escaped = json.dumps(word)[1:-1]
    found |= {escaped.encode(), escaped.upper().replace("\\U", "\\u").encode()}
    found.add("".join(f"%{byte:02X}" for byte in plain).encode())
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + plain)
        start, end = (shift * 8 + 5) // 6, len(coded.rstrip(b"=")) - 1
        found.add(coded[start:end])
    return found


def residue(folder: Path, words: Iterable[str]) -> list[tuple[str, str]]:
    """Files below ``folder`` that hold one of the words, and which."""
    marks = {form: word for word in words for form in forms_of(word)}
    any_of = re.compile(b"|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True)))
    found = set()
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        for content in _contents(path):
            found |= {(str(path.relative_to(folder)), marks[hit]) for hit in any_of.findall(content)}
    return sorted(found)


def _contents(path: Path) -> Iterator[bytes]:
    """The file, and what is packed in it as gzip, zlib or zip."""
    data = path.read_bytes()
    yield data
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    for magic in (b"\x1f\x8b\x08", b"\x78\x9c", b"\x78\xda", b"\x78\x01"):
        start = data.find(magic)
        while start >= 0:
            unpack = zlib.decompressobj(31 if magic[0] == 0x1F else 15)
            with suppress(zlib.error):
                yield unpack.decompress(data[start:], 50 * 2**20)
            start = data.find(magic, start + 1)
