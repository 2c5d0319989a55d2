"""The path of one model from a table to production and back: what a team takes to work."""

__version__ = "0.2.0"
