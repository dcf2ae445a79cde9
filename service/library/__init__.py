"""The library: documents in, passages out.

``parse`` → ``clean`` → ``outline`` → ``split`` → ``held`` turn bytes into passages with exact offsets, ``embed`` gives
them vectors, ``records`` keeps them, ``snapshot`` searches what is published, ``store.Library`` is the door. What is
noise, a heading or a sentence to be held is data in ``knowledge/library/``.
"""
