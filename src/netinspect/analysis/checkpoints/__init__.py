"""Facts about checkpoints, computed from their records.

The reports `summary`, `params`, `tree` and `diff` read them.
"""
