"""Readers of checkpoints, which use no torch and execute nothing in a file."""
