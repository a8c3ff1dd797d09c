"""Notebooks, training frameworks and other tools: their conventions, on top of the Python API."""
