"""The static side of a model: its module tree, members, modes and class sources.

`capture.py` reads the tree with `static_walk.py` and compares it with `changes.py` after the run.
"""
