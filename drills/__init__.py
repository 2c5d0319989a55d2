"""Break the path on purpose, by the thousand, and count what was lost: ``python -m drills``."""
