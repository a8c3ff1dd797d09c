"""Isolation of the process while a project's code is imported."""
