"""Formats that are recognised by content but not read, for the error that names them.

`identify.py` is asked by `checkpoints/recognize.py` and `scan/` for files that no reader accepts,
`folders.py` by `read.py`, and `archive_members.py` by the readers of zip and tar archives in `formats/`.
"""
