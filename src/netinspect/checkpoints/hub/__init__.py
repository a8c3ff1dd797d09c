"""Checkpoints on the model hub, by range requests."""
