"""Pure functions that several reports share: records to numbers.

`header.py` makes the header of every report, with the diagnosis of a failure (`diagnosis/`). `rows.py`
filters and sorts, `module_index.py` and `named_tensors.py` index a record, `repeats.py` finds identical
blocks. Read by `reports`; `runner`, `inputs` and `memory_tracker` use `symbolic/`, `diagnosis/` and
`allocation_totals.py` too.
"""
