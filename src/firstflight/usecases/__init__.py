"""The use cases: a module each, with the object ``usecase``; ``nyc*`` is what the two share."""
