"""The definitions of a Python file, separated from the work it does on import."""
