"""Formats that are recognised by content but not read."""
