"""Bytes: where they come from, and the containers that they come in."""
