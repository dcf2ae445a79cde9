"""What was learned from the examples, kept on disk: learning takes seconds, and only changed examples need it anew."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from service.rulebook.ridge import ROUNDS, Learned

_VERSION = 2
"""Raised when learning itself changes, so that what was learned before is not taken for it."""

_learned_here: dict[tuple[str, str], Learned] = {}
"""What this process learned last, by state of the examples and name."""


def fingerprint(folder: Path) -> str:
    """A short name for all reading files below ``folder`` and the way they are learned from."""
    hashed = blake2b(f"{_VERSION}/{ROUNDS}".encode(), digest_size=8)
    for path in sorted(folder.rglob("*.yaml")):
        hashed.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        hashed.update(path.read_bytes())
    return hashed.hexdigest()


@dataclass(frozen=True)
class Shelf:
    """A folder of learned weights, one file a model, of one state of the examples.

    Nothing here is needed: a file that is missing, damaged or cannot be written only means learning once more.
    """

    folder: Path
    state: str

    def take(self, name: str) -> Learned | None:
        """What was learned under this name, or None.

        A new, empty shelf gets what this process learned from the same examples for another one.
        """
        known = _learned_here.get((self.state, name))
        if known is not None and not self._path(name).exists():
            self._write(name, known)
            return known
        try:
            return Learned.read(self._path(name), self._of(name))
        except Exception:  # a damaged zip fails in every way its reader knows
            return None

    def put(self, name: str, learned: Learned) -> None:
        """Keep it, and let go of what was learned from older examples."""
        for state, older in list(_learned_here):
            if state != self.state:
                _learned_here.pop((state, older), None)
        _learned_here[self.state, name] = learned
        self._write(name, learned)

    def _write(self, name: str, learned: Learned) -> None:
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, written = tempfile.mkstemp(dir=self.folder, suffix=".part")
            with os.fdopen(handle, "wb") as file:
                learned.write(file, self._of(name))
            Path(written).replace(self._path(name))
            for old in self.folder.glob("*.npz"):
                if not old.name.startswith(self.state):
                    old.unlink(missing_ok=True)

    def _of(self, name: str) -> str:
        return f"{self.state}/{name}"

    def _path(self, name: str) -> Path:
        return self.folder / f"{self.state}-{blake2b(name.encode(), digest_size=6).hexdigest()}.npz"
