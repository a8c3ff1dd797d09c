"""Trace cache: traces on disk, with the dependencies that keep them valid."""
