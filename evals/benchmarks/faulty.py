"""placeholder"""

from __future__ import annotations

from typing import Any


def drawn(control: Any) -> Any:
    """None for now."""
    return None
