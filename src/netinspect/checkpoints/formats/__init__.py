"""One reader per format: a source of bytes to a `Checkpoint`.

`table.py` has a row for each, which `checkpoints/readers.py`, `recognize.py` and `scan/` read;
`zip_files.py` has the rows of formats in zip archives.
"""
