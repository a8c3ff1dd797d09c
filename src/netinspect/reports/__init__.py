"""Reports: one folder per command, with its record, computation and layout.

`api` calls `compute.py` of a report; `render.py` finds its `layout.py` by the folder and renders it, for
`cli` and for views in Python.
"""
