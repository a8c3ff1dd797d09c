"""Checkpoints on the model hub, by range requests.

`repository.py` is the entry point, called by `runner/stored_files.py` and for the command `globals`.
"""
