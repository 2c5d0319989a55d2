"""One module a use case; each exposes one object, ``usecase``."""
