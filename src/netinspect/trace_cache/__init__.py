"""Trace cache: traces and memory tracks on disk, with the dependencies that keep them valid.

`lookup.py` is used by `runner/cached_traces.py` for traces, and by `memory_tracker/cached_run.py`.
"""
