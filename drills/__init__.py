"""Attacks on purpose; each module has a ``run()`` that returns lines of one table."""
