"""Inputs of `forward`: given, declared or inferred, and the tensors built from their specs.

`choose.py` is the entry point, called by the runner. `memory_tracker` uses `spec`, `request` and
`arguments` to build the inputs of a trace again.
"""
