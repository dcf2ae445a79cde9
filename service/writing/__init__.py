"""The two writers: the playbook, which always can, and the model, which may."""
