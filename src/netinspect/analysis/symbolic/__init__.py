"""Sizes and costs as expressions in input sizes.

`runner/symbolic_runs.py` merges its runs with `merge_traces.py`; the report `memory` uses
`memory_growth.py`.
"""
