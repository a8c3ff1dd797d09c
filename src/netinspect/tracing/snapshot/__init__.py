"""Snapshot and restore of a model and of process-wide state.

`capture.py` runs forward inside a `model_snapshot`; `memory_tracker` and `targets` use it around user
code.
"""
