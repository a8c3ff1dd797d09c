"""Sizes and costs as expressions in input sizes."""
