"""Trace cache: traces on disk, with the dependencies that keep them valid.

`runner/cached_traces.py` reads and writes it; `memory_tracks.py` caches the runs of `memory`.
"""
