"""Snapshot and restore of a model and of process-wide state."""
