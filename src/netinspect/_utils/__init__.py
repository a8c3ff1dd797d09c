"""Helpers without knowledge of models: units, files, processes, classes, tracebacks."""
