"""Attacks on the path, made on purpose; each module has `run`, which returns one row of a table."""
