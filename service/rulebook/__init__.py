"""The rulebook: everything the team decides, loaded whole from files, with one digest."""
