"""Trace recording: runs a live module under hooks, a function mode and a dispatch mode.

`capture.py` is the entry point: `runner` calls `capture`, and the search for inputs `observe`, which
runs forward without the static parts of a trace. `safe_access.py` is for all who read a user's
objects.
`source_lines.py` gives the lines of exceptions of user code to `targets` and `memory_tracker`.
"""
