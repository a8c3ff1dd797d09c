"""First guesses of single arguments, before anything has run.

`table` lists the sources of guesses in order of evidence, and the adjustments of what they yield.
"""
