"""Personal data: found, masked before anything leaves, restored afterwards.

``find_private`` reads a text; ``Masker`` puts an alias in place of each value and can put the values back. What
counts as a cue, a region, a surname or a look-alike is data: ``knowledge/text/private.yaml``.
"""

from __future__ import annotations

from service.text.private.find import MAX_CHARS, PrivateSpan, find_private
from service.text.private.mask import Masker, has_alias

__all__ = ["MAX_CHARS", "Masker", "PrivateSpan", "find_private", "has_alias"]
