"""Bytes to text: md, txt, html, docx and pdf.

``parse`` is the door. Everything but plain text is read by ``worker`` in a child process with limits on memory, time,
size and files (``sandbox`` starts it), so the modules it needs (``content``, ``page``, ``hidden_page``, ``word``,
``book`` and their helpers) import nothing of the house but each other: the child starts in the time of its parser
alone.
"""
