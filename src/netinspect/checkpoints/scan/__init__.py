"""Scan of model files for content that loading would execute, for the command `globals`.

`examination.py` is the entry point, called by `checkpoints/pickle_globals.py`; a `Ledger` notes what was
and was not examined.
"""
