"""What a run looks like to people and to other programs: HTML, JUnit, CSV, Markdown, JSON.

One door: :func:`evals.report.writing.write_report`.
"""
