"""Isolation of the process while a project's code is imported.

`project_imports.py` is the entry point, called by `runner`, `memory_tracker` and `model_factory.py`.
"""
