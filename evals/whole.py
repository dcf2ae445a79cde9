"""Files that are written whole: whoever reads, or comes after a crash, sees the old file or the new one."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file in place of what stands there; on disk when this returns, and nothing is left beside it.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    spare = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with spare.open("xb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
            file.flush()
            os.fsync(file.fileno())
        spare.replace(path)
    finally:
        spare.unlink(missing_ok=True)
