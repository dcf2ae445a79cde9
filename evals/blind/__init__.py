"""The blind page: a sample of a run for a person to score who sees no score, finding or expectation."""

from __future__ import annotations

from evals.blind.page import blind_page
from evals.blind.sheet import Sheet, make_sheet, read_sheets, write_sheet

__all__ = ["Sheet", "blind_page", "make_sheet", "read_sheets", "write_sheet"]
