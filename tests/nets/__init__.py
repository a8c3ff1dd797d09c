"""Odd little models, one theme a file; each file lists its own in `CASES`."""
