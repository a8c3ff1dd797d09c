"""Readers of checkpoints, which use no torch and execute nothing in a file.

`read.py` is the entry point for files and folders, `hub/repository.py` for the model hub, both called by
`runner/stored_files.py`. `pickle_globals.py` serves the command `globals`, and `values/` the statistics
and comparisons of `api`.

`folders/` reads folders, local or on the hub; `readers.py` and `recognize.py` read one file.
"""
