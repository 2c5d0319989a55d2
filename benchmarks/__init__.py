"""The path's speed beside other ways to serve, and its growth with the data.

    python -m benchmarks

Seconds say something about the machine that measured them. Ratios within one run, taken in turns,
say something about the programs; those are what the tables print.
"""
