"""A data folder in one file, made while it is written, and put back elsewhere."""
