"""The database: the truth about documents, their versions and the drafts given out.

``tables`` names what is stored, ``session`` opens it and turns driver errors into ours, ``writer`` commits in
groups, ``drafts`` keeps drafts. Nothing is imported here: the shell's ``check`` needs no SQLAlchemy.
"""
