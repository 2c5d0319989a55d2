"""How fast the service is beside others, and how the path grows: ``python -m benchmarks``."""
