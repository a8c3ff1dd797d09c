"""Diagnosis of a failed call, one module per family of calls.

`diagnose.py` is the entry point, called by `analysis/header.py` for the header of each report; it finds
the family in `table.py`. The search for inputs (`inputs/infer`) reads the mismatches that `table.py`
collects from the families and from `messages.py`.
"""
