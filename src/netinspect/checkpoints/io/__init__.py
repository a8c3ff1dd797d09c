"""Byte sources and the containers that checkpoints come in."""
