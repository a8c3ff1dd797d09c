"""Memory of a run, tracked on fake tensors in a child process, for `netinspect.memory`.

`prepare.py` makes the request, `cached_run.py` starts the child process (`parent.py`, `child.py`) or
reads the cache, and `session.py` tracks the runs there, or those of a live model in this process.
"""
