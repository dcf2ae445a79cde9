"""Where the team's files are, for commands that have no time for all settings.

``pydantic-settings`` takes a fifth of a second to import, a third of what ``youli check`` may take in all.
"""

from __future__ import annotations

import os
from pathlib import Path

_HOME = Path(__file__).resolve().parent.parent.parent


def knowledge_dir() -> Path:
    """The same folder as ``Settings.knowledge_dir``; a test holds the two together."""
    return Path(os.environ.get("YOULI_KNOWLEDGE_DIR") or _HOME / "knowledge")
