"""The published vectors in Chroma.

``process`` talks to its process, ``folder`` looks at its folders from outside, ``live`` is a collection that answers,
``index`` builds, switches, keeps up and gives up.
"""
